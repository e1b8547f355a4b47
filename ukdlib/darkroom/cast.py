"""The cast of a clip: actor, furniture and held objects as moving meshes in the world."""

from dataclasses import dataclass

import numpy as np

from ukdlib.darkroom import body, mesh
from ukdlib.darkroom.mesh import Mesh
from ukdlib.darkroom.motion import MOTIONS
from ukdlib.darkroom.stage import Group, draw_style, standpoint


@dataclass(frozen=True)
class Cast:
    """A clip in the world: what moves, over all N sub-frames, and what stands."""

    moving: list[tuple[Mesh, np.ndarray]]  # (mesh, its points (N, V, 3))
    standing: list[Mesh]
    centre: np.ndarray  # (N, 3) the actor's pelvis


def act(action: str, group: Group, time: np.ndarray, rng: np.random.Generator) -> Cast:
    """The actor and the furniture of one clip, placed in the world."""
    style = draw_style(group, time[-1], action, rng)
    margin = 0.5  # s of motion before and after: for the first and last footsteps
    padded = np.concatenate(
        [time[0] - margin + np.arange(30) * margin / 30, time, time[-1] + margin * np.arange(1, 31) / 30]
    )
    rig = MOTIONS[action](padded, group.build, style)
    rig = {k: v if isinstance(v, str) else v[30:-30] for k, v in rig.items()}
    rotations, positions = body.solve(group.figure, rig)
    points = body.skin(group.figure, rotations, positions)
    mirror = np.array([-1.0 if group.left_handed else 1.0, 1, 1])
    seat, cart, item = (
        p + rng.normal(0, 1, 3) * [0.12, 0.1, 0.15] for p in (group.seat, group.cart, group.item)
    )
    x, z, yaw = standpoint(action, (seat, cart, item), group, rng)
    heading = body.turn(1, yaw)

    def world(local: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the actor's own space in the scene's."""
        return ((local * mirror) @ heading.T + [x, 0, z]).astype(np.float32)

    faces = np.asarray(group.figure.faces)
    actor = Mesh(
        points[0], faces, group.clothes, np.zeros(len(faces), np.float32), np.zeros(len(faces), np.int32)
    )
    moving, standing = [(actor, world(points))], []
    furniture = group.furniture
    standing.append(mesh.moved(furniture.seat, (seat[0], 0, seat[1]), seat[2]))
    cart_mesh = mesh.moved(furniture.cart, (cart[0], 0, cart[1]), cart[2])
    moving.append((cart_mesh, cart_mesh.points + (world(rig["cart"]) - world(0 * rig["cart"]))[:, None]))
    palms = {side: world(body.palms(rotations, positions, side)) for side in (1, -1)}
    item_mesh = mesh.moved(furniture.item, (item[0], 0, item[1]), item[2])
    carry = rig["taken"][:, None] * (palms[-1] - [item[0], 0.15, item[1]]) * (action == "Pick")
    moving.append((item_mesh, item_mesh.points + carry[:, None].astype(np.float32)))
    standing_things, held = hold_things(action, group, (rig, palms, heading, mirror), rng)
    return Cast([*moving, *held], [*standing, *standing_things], world(positions[:, body.PELVIS]))


def hold_things(action: str, group: Group, pose: tuple, rng: np.random.Generator) -> tuple[list, list]:
    """Cup and bottle: in the hands of the actor who drinks or pours, else beside the seat or carried."""
    rig, palms, heading, mirror = pose
    furniture, idle_hand = group.furniture, rng.random() < 0.25
    hands = {
        "Drink": {"cup": -1} if rng.random() < 0.5 else {"bottle": -1},
        "Pour": {"bottle": -1, "cup": 1},
    }.get(action, {})
    if idle_hand and action in ("Run", "Sit", "Stand", "Turn", "Walk"):
        hands = {str(rng.choice(["cup", "bottle"])): -1}
    axis, sign = (0, -1) if action == "Drink" else (2, -1)
    standing, held = [], []
    for name in ("cup", "bottle"):
        thing = getattr(furniture, name)
        if name not in hands:
            spot = group.seat[:2] + rng.uniform(-0.15, 0.15, 2) + [0.45 * np.sign(-group.seat[0]), 0]
            standing.append(mesh.moved(thing, (spot[0], 0.08, spot[1])))
            continue
        tip = rig["tip"] if hands[name] < 0 else 0 * rig["tip"]
        tilt = body.turn(1, rig["turn"]) @ body.turn(axis, sign * tip)
        local = np.einsum("nij,vj->nvi", tilt, thing.points) * mirror
        held.append((thing, (local @ heading.T + palms[hands[name]][:, None]).astype(np.float32)))
    return standing, held
