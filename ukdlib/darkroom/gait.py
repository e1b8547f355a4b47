"""Footsteps: feet that stay where they were set down while the body moves or turns over them."""

import numpy as np

WALK_DUTY, RUN_DUTY = 0.6, 0.36  # share of a cycle that a foot is on the floor
SWING_LIFT = {False: 0.05, True: 0.22}  # m, how high a foot is carried: walking, running


def footsteps(rig: dict, path: np.ndarray, heading: np.ndarray, phase: np.ndarray, build, run: bool) -> None:
    """
    Put feet and pelvis of `rig` on a path, in place.

    path (T, 3) m: where the body is; heading (T,) rad; phase (T,) gait cycles, never falling (it may rest):
    the left foot is set down at whole numbers, the right one half a cycle later. run: with a flight between
    the steps.
    """
    duty = RUN_DUTY if run else WALK_DUTY
    for name, side, offset in (("l", 1, 0.0), ("r", -1, 0.5)):
        cycle = phase + offset
        number = np.floor(cycle)
        share = cycle - number
        swing = np.clip((share - duty) / (1 - duty), 0, 1)
        travel = swing**3 * (10 - 15 * swing + 6 * swing**2)
        last, here, there = (_planted(number + k, offset, (path, heading, phase), duty) for k in (-1, 0, 1))
        turned = here[1] + travel * (there[1] - here[1])
        middle = here[0] + travel[:, None] * (there[0] - here[0])
        width = side * build.stance * (0.55 if run else 0.75)
        rig[f"foot_{name}"] = middle + width * np.stack([np.cos(turned), 0 * turned, -np.sin(turned)], -1)
        before, moving = _effort(last, here), _effort(here, there)
        arc = np.sin(np.pi * swing) if not run else np.sin(np.pi * swing**0.75)
        rig[f"foot_{name}"][:, 1] += moving * SWING_LIFT[run] * arc
        rig[f"foot_turn_{name}"] = turned + side * 0.1
        rig[f"foot_pitch_{name}"] = np.where(share < 0.12 * duty, before, moving) * _foot_pitch(
            share, duty, run
        )
    bob = np.cos(
        4 * np.pi * (phase - duty / 2)
    )  # highest over the standing foot when walking, lowest when running
    still = np.gradient(phase) / max(np.gradient(phase).max(), 1e-9)
    # the sway towards the standing foot
    lateral = 0.02 * np.cos(2 * np.pi * (phase - duty / 2)) * still
    rig["pelvis"] = path + np.stack(
        [
            lateral * np.cos(heading),
            build.hip
            - (0.055 if run else 0.03) * build.leg / 0.8 * still
            - 0.012
            + (-0.035 if run else 0.014) * bob * still,
            -lateral * np.sin(heading),
        ],
        -1,
    )
    rig["tilt"] = 0.04 * np.cos(2 * np.pi * (phase - duty / 2)) * still


def _effort(here: tuple, there: tuple) -> np.ndarray:
    """0 for a foot that is set down where it was, 1 for a full step (from 0.3 m or 0.3 rad on)."""
    return np.clip(np.abs(there[1] - here[1]) / 0.3 + np.linalg.norm(there[0] - here[0], axis=1) / 0.3, 0, 1)


def _planted(number: np.ndarray, offset: float, course: tuple, duty: float) -> tuple[np.ndarray, np.ndarray]:
    """Place and heading of the body in the middle of stance `number` of a foot, which stands there."""
    path, heading, phase = course
    middle = number + duty / 2 - offset
    rising = phase + 1e-9 * np.arange(len(phase))
    at = np.interp(middle, rising, np.arange(len(phase)))
    beyond = np.where(middle > phase[-1], middle - phase[-1], np.minimum(middle - phase[0], 0))
    # outside the known range the body keeps its last motion
    slope = (phase[-1] - phase[-2], phase[1] - phase[0])
    steps = beyond / np.maximum(np.where(beyond > 0, slope[0], slope[1]), 1e-9) * (np.abs(beyond) > 0)
    steps = np.where(np.where(beyond > 0, slope[0], slope[1]) < 1e-7, 0, steps)
    index = np.arange(len(phase))
    columns = [np.interp(at, index, path[:, k]) for k in range(3)]
    ends = np.where(beyond[:, None] > 0, path[-1] - path[-2], path[1] - path[0])
    turning = np.where(beyond > 0, heading[-1] - heading[-2], heading[1] - heading[0])
    return np.stack(columns, -1) + steps[:, None] * ends, np.interp(at, index, heading) + steps * turning


def _foot_pitch(share: np.ndarray, duty: float, run: bool) -> np.ndarray:
    """Heel up (positive) round the toe-off, toes up before the heel meets the floor [rad]."""
    knots = np.array([0, 0.12, 0.55, 1.0, 1.35, 1.75, 2.0])  # 0-1 on the floor, 1-2 through the air
    angles = (
        np.array([0.0, 0.0, 0.05, 0.85, 1.3, 0.35, 0.0])
        if run
        else np.array([-0.3, 0, 0.03, 0.7, 0.55, -0.25, -0.3])
    )
    u = np.where(share < duty, share / duty, 1 + (share - duty) / (1 - duty))
    return np.interp(u, knots, angles)
