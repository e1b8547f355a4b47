"""The vocabulary of motions: an actor's measures, a clip's style, curves over time, the rig at rest.

A rig is a dict of channels over T times in actor axes (x to the actor's left, y up, z forward; metres,
radians); body.solve turns it into a posed figure. `idle` says which channels there are.
"""

from dataclasses import dataclass

import numpy as np

Rig = dict


@dataclass(frozen=True)
class Build:
    """Measures of a figure that motions need, in metres."""

    hip: float  # height of the pelvis when standing straight
    leg: float  # hip joint to ankle
    shoulder: float  # height of the shoulders
    arm: float  # shoulder to wrist
    stance: float  # half the distance of the feet


@dataclass(frozen=True)
class Style:
    """How one clip is acted: its timing and its variations."""

    start: float  # s, when the action begins (may lie before the clip)
    end: float  # s, when it is over (may lie after the clip)
    amplitude: float  # extent, 1 = usual
    speed: float  # pace, 1 = usual
    habit: np.ndarray  # (8,) 0-1, of the person
    whim: np.ndarray  # (16,) 0-1, of the clip
    seat: float = 0.45  # height of the chair [m]
    handle: float = 0.95  # height where the cart is pushed [m]


def ease(time: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 before `start`, 1 after `end`, minimum jerk in between."""
    u = np.clip((time - start) / (end - start), 0, 1)
    return u**3 * (10 - 15 * u + 6 * u * u)


def hold(time: np.ndarray, times: tuple[float, float, float, float]) -> np.ndarray:
    """0, up to 1 between the first two times, down again between the last two."""
    return ease(time, times[0], times[1]) - ease(time, times[2], times[3])


def vectors(x, y, z) -> np.ndarray:
    """(T, 3) of three channels, constants allowed."""
    return np.stack(np.broadcast_arrays(x, y, z), -1).astype(float)


def sway(time: np.ndarray, phase: float, period: float) -> np.ndarray:
    """A slow drift in [-1, 1] that does not repeat within a clip."""
    return 0.65 * np.sin(2 * np.pi * (time / period + phase)) + 0.35 * np.sin(
        2 * np.pi * (time / period * 2.3 + 3 * phase)
    )


def idle(time: np.ndarray, build: Build, style: Style) -> Rig:
    """Standing: breathing, weight from foot to foot, wandering gaze, hanging arms."""
    zero, w, h = np.zeros_like(time), style.whim, style.habit
    shift = sway(time, w[8], 3.1)
    breath = np.sin(2 * np.pi * (time / 3.4 + w[9]))
    rig: Rig = {name: zero.copy() for name in "turn lean tilt twist flex bend look nod".split()}
    rig["pelvis"] = vectors(
        0.022 * shift, build.hip - 0.012 - 0.006 * shift**2, 0.01 * sway(time, w[10], 2.7)
    )
    rig["tilt"] = 0.03 * shift
    rig["bend"] = -0.035 * shift
    rig["flex"] = 0.04 + 0.1 * h[0] + 0.015 * breath
    rig["look"] = 0.28 * sway(time, w[11], 2.4)
    rig["nod"] = 0.05 + 0.08 * sway(time, w[12], 2.9)
    rig["hand_frame"] = "chest"
    for name, side in (("l", 1), ("r", -1)):
        stagger = 0.06 * side * (w[13] - 0.5)
        rig[f"foot_{name}"] = vectors(side * (build.stance + 0.05 * h[1]), 0, stagger) + zero[:, None]
        rig[f"foot_turn_{name}"] = zero + side * (0.05 + 0.25 * h[2])
        for channel in ("foot_pitch", "knee_out", "grip", "roll"):
            rig[f"{channel}_{name}"] = zero.copy()
        rig[f"shrug_{name}"] = 0.02 * breath
        rig[f"swing_{name}"] = 0.02 + 0.06 * sway(time, w[14] + 0.3 * side, 2.2)
        rig[f"out_{name}"] = 0.12 + 0.1 * h[3] + 0.02 * shift
        rig[f"elbow_{name}"] = 0.2 + 0.25 * h[4] + 0.05 * sway(time, w[15] + 0.2 * side, 2.6)
        rig[f"hand_{name}"] = vectors(zero, 0, 0)
        rig[f"pole_{name}"] = (
            vectors(0.35 * side, -0.25, -0.9) + zero[:, None]
        )  # where the elbow of a reaching arm points
    rig["tip"] = zero.copy()  # how far what is held in the right hand is tipped [rad]
    rig["taken"] = zero.copy()  # 1 once the object on the floor is in the hand
    rig["cart"] = vectors(zero, 0, 0)  # how far the cart has come
    return rig


def middle(style: Style, share: float) -> float:
    """A time within the action, 0 its start and 1 its end."""
    return style.start + share * (style.end - style.start)


def moments(style: Style, *shares: float) -> tuple:
    """Several times within the action."""
    return tuple(middle(style, share) for share in shares)
