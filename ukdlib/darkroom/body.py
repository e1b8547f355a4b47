"""The figure: a mannequin-x body of any shape, its inverse kinematics and its skin.

Actor axes: x to the figure's left, y up, z forward; metres; the floor is y = 0. T poses, J = 22 SMPL-X body
joints.
"""

from dataclasses import dataclass

import numpy as np
from mannequin import Mannequin
from numpy.typing import ArrayLike

JOINTS = (
    "Pelvis L_Hip R_Hip Spine1 L_Knee R_Knee Spine2 L_Ankle R_Ankle Spine3 L_Foot R_Foot Neck "
    "L_Collar R_Collar Head L_Shoulder R_Shoulder L_Elbow R_Elbow L_Wrist R_Wrist"
).split()
(PELVIS, L_HIP, R_HIP, SPINE1, L_KNEE, R_KNEE, SPINE2, L_ANKLE, R_ANKLE, SPINE3, L_FOOT, R_FOOT, NECK,
 L_COLLAR, R_COLLAR, HEAD, L_SHOULDER, R_SHOULDER, L_ELBOW, R_ELBOW, L_WRIST,
 R_WRIST) = range(22)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
PALM = 0.09  # m from the wrist to the middle of the hand
SIDES = (("l", 1), ("r", -1))


@dataclass(frozen=True)
class Figure:
    """One body shape at rest (arms spread): joints (J, 3) over the floor, skin relative to its joint."""

    joints: np.ndarray
    points: np.ndarray  # (V, 3)
    joint_of: np.ndarray  # (V,)
    faces: np.ndarray  # (F, 3)

    def length(self, first: int, second: int) -> float:
        """Distance of two joints [m]."""
        return float(np.linalg.norm(self.joints[first] - self.joints[second]))


def make_figure(shape: np.ndarray) -> Figure:
    """The figure of ten SMPL-X shape coefficients (standard normal for a usual body)."""
    model = Mannequin("convex", lod=2, shape=np.asarray(shape, np.float32))
    rest = model.rest_pose()
    points, joints = model.vertices(rest), model.joint_transforms(rest)[: len(JOINTS), :3, 3]
    joint_of = _hull_numbers(model.faces, len(points))
    joint_of = np.array([int(name.split("_J")[1].split("__")[0]) for name in model.link_names])[joint_of]
    floor = np.array([0, points[:, 1].min(), 0])
    return Figure(joints - floor, points - joints[joint_of], joint_of, np.asarray(model.faces, np.int32))


def _hull_numbers(faces: np.ndarray, count: int) -> np.ndarray:
    """(V,) the number of the convex hull of every point: hulls lie one after the other and share no face."""
    inside = np.zeros(count + 1, int)
    np.add.at(inside, faces.min(1) + 1, 1)
    np.add.at(inside, faces.max(1) + 1, -1)
    return np.cumsum(np.cumsum(inside)[:-1] == 0) - 1


def turn(axis: int, angle: ArrayLike) -> np.ndarray:
    """Rotations (..., 3, 3) by `angle` [rad] about a coordinate axis (0 x, 1 y, 2 z)."""
    angles = np.asarray(angle, float)
    matrix = np.zeros((*angles.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[..., axis, axis] = 1
    matrix[..., i, i] = matrix[..., j, j] = np.cos(angles)
    matrix[..., j, i] = np.sin(angles)
    matrix[..., i, j] = -matrix[..., j, i]
    return matrix


def apply(rotation: np.ndarray, vector: ArrayLike) -> np.ndarray:
    """(..., 3, 3) times (..., 3)."""
    return (rotation @ np.asarray(vector)[..., None])[..., 0]


def unit(vector: np.ndarray) -> np.ndarray:
    """The vectors (..., 3) at length 1; a zero vector stays zero."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def two_bones(start: np.ndarray, target: np.ndarray, pole: np.ndarray, lengths: tuple[float, float]):
    """
    A hinged limb (thigh and shin, upper arm and forearm) that reaches from `start` towards `target`.

    start, target, pole (T, 3): the middle joint points to `pole`; a target out of reach is approached along
    the line.
    Returns unit directions of both bones and the hinge axis (T, 3 each).
    """
    first, second = lengths
    line = target - start
    distance = np.linalg.norm(line, axis=1, keepdims=True)
    reach = np.clip(distance, abs(first - second) + 1e-3, 0.999 * (first + second))
    ahead = line / np.maximum(distance, 1e-9)
    along = (first**2 + reach**2 - second**2) / (2 * reach)
    side = unit(pole - (pole * ahead).sum(1, keepdims=True) * ahead)
    middle = along * ahead + np.sqrt(np.maximum(first**2 - along**2, 0)) * side
    return unit(middle), unit(reach * ahead - middle), np.cross(side, ahead)


def bone_rotation(
    direction: np.ndarray, hinge: np.ndarray, rest: np.ndarray, rest_hinge: np.ndarray
) -> np.ndarray:
    """Rotations (T, 3, 3) from a bone at rest (direction, hinge axis: (3,)) to the given ones (T, 3)."""

    def frame(d: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Orthonormal axes (..., 3, 3): the bone, its hinge made orthogonal to it, and their cross product."""
        d = unit(d)
        h = unit(h - (h * d).sum(-1, keepdims=True) * d)
        return np.stack([d, h, np.cross(d, h)], -1)

    return frame(direction, hinge) @ frame(rest, rest_hinge).T


def solve(figure: Figure, rig: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Joint rotations (T, J, 3, 3) and positions (T, J, 3) of a rig (its channels: rig.idle)."""
    steps = len(rig["pelvis"])
    rotations, positions = np.zeros((steps, len(JOINTS), 3, 3)), np.zeros((steps, len(JOINTS), 3))

    def place(joint: int, rotation: np.ndarray) -> None:
        """Place a joint at the end of its parent's bone, and rotate it."""
        parent = PARENTS[joint]
        offset = figure.joints[joint] - figure.joints[parent]
        positions[:, joint] = positions[:, parent] + apply(rotations[:, parent], offset)
        rotations[:, joint] = rotation

    rotations[:, PELVIS] = turn(1, rig["turn"]) @ turn(0, rig["lean"]) @ turn(2, rig["tilt"])
    positions[:, PELVIS] = rig["pelvis"]
    third = turn(1, rig["twist"] / 3) @ turn(0, rig["flex"] / 3) @ turn(2, rig["bend"] / 3)
    half = turn(1, rig["look"] / 2) @ turn(0, rig["nod"] / 2)
    for joint, local in ((SPINE1, third), (SPINE2, third), (SPINE3, third), (NECK, half), (HEAD, half)):
        place(joint, rotations[:, PARENTS[joint]] @ local)
    for name, side in SIDES:
        place(L_COLLAR if side > 0 else R_COLLAR, rotations[:, SPINE3] @ turn(2, side * rig[f"shrug_{name}"]))
        _leg(figure, rig, (name, side), place, (rotations, positions))
        _arm(figure, rig, (name, side), place, (rotations, positions))
    return rotations, positions


def _leg(figure: Figure, rig: dict, which: tuple[str, int], place, pose) -> None:
    (name, side), (rotations, positions) = which, pose
    hip, knee, ankle, foot = (j if side > 0 else j + 1 for j in (L_HIP, L_KNEE, L_ANKLE, L_FOOT))
    heading = turn(1, rig[f"foot_turn_{name}"])
    pitch = turn(0, rig[f"foot_pitch_{name}"])
    sole = figure.joints[ankle] * [0, 1, 0]
    # heel up: the foot turns on its ball; toes up: on its heel
    ball, heel = [0, 0, figure.joints[foot][2] - figure.joints[ankle][2]], [0, 0, -0.05]
    pivot = np.where(rig[f"foot_pitch_{name}"][:, None] > 0, ball, heel)
    target = rig[f"foot_{name}"] + apply(heading, pivot + apply(pitch, sole - pivot))
    place(hip, rotations[:, PELVIS])
    pole = apply(turn(1, (rig["turn"] + rig[f"foot_turn_{name}"]) / 2), [0.12 * side, 0, 1]) + rig[
        f"knee_out_{name}"
    ][:, None] * apply(turn(1, rig["turn"]), [side, 0, 0])
    bones = two_bones(positions[:, hip], target, pole, (figure.length(hip, knee), figure.length(knee, ankle)))
    rest = [figure.joints[b] - figure.joints[a] for a, b in ((hip, knee), (knee, ankle))]
    for joint, rotated, direction, line in zip((hip, knee), (hip, knee), bones[:2], rest, strict=True):
        if joint == knee:
            place(knee, rotations[:, hip])
        rotations[:, rotated] = bone_rotation(direction, bones[2], line, np.array([1.0, 0, 0]))
    place(ankle, heading @ pitch)
    place(foot, heading @ pitch @ turn(0, np.minimum(0, -0.8 * rig[f"foot_pitch_{name}"])))


def _arm(figure: Figure, rig: dict, which: tuple[str, int], place, pose) -> None:
    (name, side), (rotations, positions) = which, pose
    shoulder, elbow, wrist = (j if side > 0 else j + 1 for j in (L_SHOULDER, L_ELBOW, L_WRIST))
    lengths = figure.length(shoulder, elbow), figure.length(elbow, wrist)
    place(shoulder, rotations[:, SPINE3])
    chest, start = rotations[:, SPINE3], positions[:, shoulder]
    swing, out, bend = (rig[f"{channel}_{name}"] for channel in ("swing", "out", "elbow"))
    upper = np.stack([side * np.sin(out), -np.cos(out) * np.cos(swing), np.cos(out) * np.sin(swing)], -1)
    inward = 0.25 * side  # a relaxed forearm bends a little across the body
    lower = apply(turn(0, -bend), upper) - np.sin(bend)[:, None] * [inward, 0, 0]
    hanging = start + apply(chest, lengths[0] * upper + lengths[1] * unit(lower))
    reached = rig[f"hand_{name}"]
    if rig["hand_frame"] == "chest":  # target from the shoulder, in the chest's axes and in arm lengths
        reached = start + apply(chest, reached * sum(lengths))
    grip = rig[f"grip_{name}"][:, None]
    target = hanging + grip * (reached - hanging)
    relaxed = apply(turn(0, -swing), [0.35 * side, -0.25, -0.9])  # the elbow of a hanging arm points back
    pole = apply(chest, relaxed + grip * (rig[f"pole_{name}"] - relaxed))
    first, second, hinge = two_bones(start, target, pole, lengths)
    rest_hinge = np.array([0.0, -side, 0.0])
    rotations[:, shoulder] = bone_rotation(
        first, hinge, figure.joints[elbow] - figure.joints[shoulder], rest_hinge
    )
    place(elbow, rotations[:, shoulder])
    rotations[:, elbow] = bone_rotation(
        second, hinge, figure.joints[wrist] - figure.joints[elbow], rest_hinge
    )
    place(wrist, rotations[:, elbow] @ turn(0, rig[f"roll_{name}"]))


def palms(rotations: np.ndarray, positions: np.ndarray, side: int) -> np.ndarray:
    """Middle of the left (+1) or right (-1) hand (T, 3)."""
    wrist = L_WRIST if side > 0 else R_WRIST
    return positions[:, wrist] + apply(rotations[:, wrist], [side * PALM, -0.02, 0.01])


def skin(figure: Figure, rotations: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Points (T, V, 3) float32 of a posed figure."""
    points = np.empty((len(positions), len(figure.points), 3), np.float32)
    for joint in np.unique(figure.joint_of):
        own = figure.joint_of == joint
        points[:, own] = (
            figure.points[own] @ rotations[:, joint].transpose(0, 2, 1) + positions[:, joint, None]
        )
    return points


def clothe(figure: Figure, rng: np.random.Generator) -> np.ndarray:
    """Colours (F, 3) of the figure's faces: skin, hair, shoes, trousers or shorts, sleeves, a print."""
    skin_tone = rng.uniform(0.25, 0.75) * np.array([1.0, 0.72, 0.55])
    top, trousers, shoes, print_colour = (_dye(rng) for _ in range(4))
    hair = rng.uniform(0.02, 0.2) * np.array([1, 0.8, 0.6])
    long_sleeves, shorts, printed = rng.random(3) < [0.5, 0.3, 0.5]
    joint = figure.joint_of[figure.faces[:, 0]]
    colour = np.tile(skin_tone, (len(joint), 1))
    colour[np.isin(joint, (SPINE1, SPINE2, SPINE3, L_COLLAR, R_COLLAR, L_SHOULDER, R_SHOULDER))] = top
    colour[np.isin(joint, (PELVIS, L_HIP, R_HIP))] = trousers
    if not shorts:
        colour[np.isin(joint, (L_KNEE, R_KNEE))] = trousers
    if long_sleeves:
        colour[np.isin(joint, (L_ELBOW, R_ELBOW))] = top
    colour[np.isin(joint, (L_ANKLE, R_ANKLE, L_FOOT, R_FOOT))] = shoes
    centre = figure.points[figure.faces].mean(1)
    if printed:
        colour[(joint == SPINE3) & (centre[:, 2] > 0.03)] = print_colour
    head = joint == HEAD
    low, high = centre[head, 1].min(), centre[head, 1].max()
    height = (centre[:, 1] - low) / (high - low)
    colour[head & ((height > 0.72) | ((height > 0.3) & (centre[:, 2] < 0.0)))] = hair
    return colour.astype(np.float32)


def _dye(rng: np.random.Generator) -> np.ndarray:
    """A cloth colour: any lightness, mostly unsaturated."""
    grey, tint = rng.uniform(0.06, 0.8), rng.uniform(0.3, 1.0, 3)
    return grey * (tint / tint.max()) ** rng.uniform(0.2, 1.5)
