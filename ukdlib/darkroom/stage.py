"""Groups and standpoints: who acts in which place, and where on its floor a clip takes place."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ukdlib.darkroom import body, camera, furniture, scene
from ukdlib.darkroom.camera import Difficulty, generator
from ukdlib.darkroom.motion import push_reach
from ukdlib.darkroom.rig import Build, Style


@dataclass(frozen=True)
class Group:
    """All that the clips of one group share."""

    figure: body.Figure
    build: Build
    clothes: np.ndarray  # (F, 3)
    habit: np.ndarray  # (8,)
    left_handed: bool
    surroundings: scene.Surroundings
    furniture: furniture.Furniture
    seat: np.ndarray  # x, z, yaw of the seat, the cart and the item
    cart: np.ndarray
    item: np.ndarray
    eye: np.ndarray  # (3,) where the camera is held
    focal: float  # focal length in picture widths
    grey: float  # mean grey level that the exposure aims at
    shake: float
    flicker: str
    tone: float


@lru_cache(64)
def make_group(seed: int, number: int, difficulty: Difficulty) -> Group:
    """Person, place and camera of group `number`."""
    who, where, how = (generator(seed, number, word) for word in ("person", "place", "camera"))
    figure = body.make_figure(np.clip(who.normal(0, 1.1, 10), -2.2, 2.2))
    clothes = body.clothe(figure, who)
    clothes = (
        difficulty.contrast * clothes
        + (1 - difficulty.contrast) * 0.3 * clothes.mean(1, keepdims=True) ** 0.5
    )
    habit, left_handed = who.random(8), who.random() < 0.25
    kinds = list(scene.SURROUNDINGS.values())
    surroundings = kinds[number % len(kinds)](where)
    things = furniture.furnish(where)
    side = where.choice([-1, 1])
    seat = np.array([side * where.uniform(0.4, 1.0), where.uniform(-1.0, -0.5), where.uniform(-1.2, 1.2)])
    cart = np.array(
        [-side * where.uniform(0.5, 1.0), where.uniform(-0.9, -0.4), side * where.uniform(0.6, 2.0)]
    )
    item = np.array([where.uniform(-0.6, 0.6), where.uniform(0.2, 0.6), 0.0])
    grey = difficulty.grey_median * np.exp(difficulty.grey_spread * how.normal())
    return Group(
        figure,
        measure(figure),
        clothes.astype(np.float32),
        habit,
        left_handed,
        surroundings,
        things,
        seat,
        cart,
        item,
        eye=np.array([how.uniform(-0.7, 0.7), how.uniform(0.9, 1.7), how.uniform(2.8, 3.4)]),
        focal=how.uniform(0.95, 1.1),
        grey=float(np.clip(grey, *difficulty.grey_range)),
        shake=difficulty.shake * how.uniform(0.3, 1.7),
        flicker=str(how.choice(list(camera.FLICKERS))),
        tone=how.uniform(*difficulty.tone),
    )


def measure(figure: body.Figure) -> Build:
    """The lengths that motions need."""
    leg = figure.length(body.L_HIP, body.L_KNEE) + figure.length(body.L_KNEE, body.L_ANKLE)
    arm = figure.length(body.L_SHOULDER, body.L_ELBOW) + figure.length(body.L_ELBOW, body.L_WRIST)
    joints = figure.joints
    stance = float(abs(joints[body.L_ANKLE, 0] - joints[body.R_ANKLE, 0]) / 2)
    return Build(float(joints[body.PELVIS, 1]), leg, float(joints[body.L_SHOULDER, 1]), arm, stance)


def draw_style(group: Group, duration: float, action: str, rng: np.random.Generator) -> Style:
    """Timing, extent and variations of one clip."""
    start = rng.uniform(0.0, 0.16) * duration
    end = duration * rng.uniform(0.82, 1.0)
    if action in ("Sit", "Stand", "Turn"):
        length = rng.uniform(1.0, 1.5)
        start = rng.uniform(0.1, max(0.15, duration - length - 0.1))
        end = start + length
    return Style(
        start=start,
        end=end,
        amplitude=rng.uniform(0.85, 1.15),
        speed=rng.uniform(0.88, 1.14),
        habit=np.clip(group.habit + rng.normal(0, 0.08, 8), 0, 1),
        whim=rng.random(16),
        seat=group.furniture.seat_height,
        handle=group.furniture.handle,
    )


def standpoint(
    action: str, things: tuple, group: Group, rng: np.random.Generator
) -> tuple[float, float, float]:
    """x, z, yaw of the actor: at the seat, cart or item if the action needs it, else anywhere free."""
    seat, cart, item = things
    yaw = rng.uniform(-0.9, 0.9)
    if action in ("Sit", "Stand"):
        return _before(seat, (0, 0.4), seat[2])
    if action == "Push":
        return _before(cart, (0, -push_reach(group.build)), cart[2])
    if action == "Pick":
        return _before(item, (-0.1 if group.left_handed else 0.1, -0.36), yaw)
    if action in ("Walk", "Run"):
        return _course(3.2 if action == "Walk" else 5.5, things, group.surroundings.free, rng)
    spots = rng.uniform((-0.8, -0.6), (0.8, 0.45), (32, 2))
    clear = [
        min(np.linalg.norm(p - t[:2]) - r for t, r in ((seat, 0), (cart, 0.15), (item, -0.25))) for p in spots
    ]
    clear = [c - _hidden(p, group.eye, (seat, cart)) for p, c in zip(spots, clear, strict=True)]
    free = [k for k, c in enumerate(clear) if c > 0.55] or [int(np.argmax(clear))]
    return (*spots[free[0]], yaw)


def _hidden(spot: np.ndarray, eye: np.ndarray, things: tuple) -> float:
    """1 if one of the objects is between the camera and a spot on the floor (x, z), else 0."""
    for thing in things:
        share = (eye[2] - thing[1]) / (eye[2] - spot[1])  # where the line of sight passes the object
        if share < 1 and abs(eye[0] + share * (spot[0] - eye[0]) - thing[0]) < 0.5:
            return 1.0
    return 0.0


def _course(
    length: float, things: tuple, free: tuple[float, float], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Middle (x, z) and yaw of a way of `length` m over free floor, off the furniture."""
    half, back = free
    best = (np.inf, (0.0, 0.0, 0.0))
    for yaw, x, share in rng.uniform((-np.pi, -0.6, 0), (np.pi, 0.6, 1), (40, 3)):
        deep, wide = abs(np.cos(yaw)) * length / 2, abs(np.sin(yaw)) * length / 2
        near, far = 1.0 - deep, deep - back  # where the middle may lie, in z
        z = far + share * (near - far) if far < near else (near + far) / 2
        way = np.array([x, z]) + np.linspace(-0.5, 0.5, 9)[:, None] * length * np.array(
            [np.sin(yaw), np.cos(yaw)]
        )
        close = min(np.linalg.norm(way - t[:2], axis=1).min() for t in things[:2])
        fault = (
            max(0, far - near)
            + max(0, wide + abs(x) - half)
            + 2 * max(0, 0.6 - close)
            + 0.3 * max(0, -1.0 - z)
        )
        best = min(best, (fault, (float(x), float(z), float(yaw))))
        if fault < 0.1:
            break
    return best[1]


def _before(thing: np.ndarray, offset: tuple[float, float], yaw: float) -> tuple[float, float, float]:
    """A standpoint at `offset` (left, forward, in the actor's axes) of an object."""
    x = thing[0] + offset[0] * np.cos(yaw) + offset[1] * np.sin(yaw)
    z = thing[1] - offset[0] * np.sin(yaw) + offset[1] * np.cos(yaw)
    return x, z, yaw
