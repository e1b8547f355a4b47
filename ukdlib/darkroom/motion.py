"""What the actor does: the eleven actions as channels of a rig over time (read by body.solve).

A motion is a plain function (time (T,) s, build, style) -> rig. All of it is continuous in time. Sit is
Stand read backwards; Walk, Run, Turn and Push use the same footsteps (gait.py).
"""

from collections.abc import Callable

import numpy as np

from ukdlib.darkroom.gait import footsteps
from ukdlib.darkroom.rig import Build, Rig, Style, ease, hold, idle, middle, moments, vectors

CLASSES = (
    "Drink",
    "Jump",
    "Pick",
    "Pour",
    "Push",
    "Run",
    "Sit",
    "Stand",
    "Turn",
    "Walk",
    "Wave",
)  # ARID's ids
GRAVITY = 9.81


def drink(time: np.ndarray, build: Build, style: Style) -> Rig:
    """The cup goes from the belly to the mouth, the head tips back, some swallows, and down again."""
    rig, a = idle(time, build, style), style.amplitude
    up = hold(time, moments(style, 0, 0.36, 0.7, 1.0))
    tip = hold(time, moments(style, 0.26, 0.48, 0.62, 0.8))
    low = vectors(0.12 + 0.1 * style.habit[5], -0.62 + 0.1 * style.whim[0], 0.5)
    high = vectors(0.2, 0.15 + 0.03 * a, 0.44)
    rig["hand_r"] = low + up[:, None] * (high - low)
    rig["grip_r"] = np.ones_like(time)
    rig["pole_r"] = vectors(-0.5 - 0.3 * style.habit[6], -0.9, -0.15) + 0 * up[:, None]
    rig["tip"] = (0.1 + 1.35 * tip) * np.clip(a, 0.8, 1.1)
    rig["nod"] += 0.1 * up * (1 - tip) - 0.5 * a * tip + 0.05 * tip * np.sin(2 * np.pi * 1.6 * time)
    rig["flex"] -= 0.14 * tip
    rig["look"] *= 1 - up
    return rig


def pour(time: np.ndarray, build: Build, style: Style) -> Rig:
    """One hand holds a cup before the belly, the other tips a bottle over it; the head looks down at it."""
    rig, w = idle(time, build, style), style.whim
    up = hold(time, moments(style, 0, 0.3, 0.8, 1.0))
    tip = hold(time, moments(style, 0.28, 0.45, 0.7, 0.85))
    cup = vectors(-0.26, -0.47 + 0.06 * w[0], 0.5) + np.zeros((len(time), 1))
    low = vectors(0.05, -0.6 + 0.1 * w[1], 0.48)
    high = vectors(0.04, -0.3 + 0.12 * style.amplitude, 0.62)
    rig["hand_l"], rig["hand_r"] = cup, low + up[:, None] * (high - low)
    rig["grip_l"] = rig["grip_r"] = np.ones_like(time)
    rig["pole_r"] = vectors(-0.8, -0.8 + 0.5 * tip, -0.3)
    rig["pole_l"] = vectors(0.8, -0.7, -0.4) + np.zeros((len(time), 1))
    rig["tip"] = 0.1 + 1.75 * tip
    rig["roll_r"] = -0.4 * tip
    rig["nod"] += 0.42 * (0.4 + 0.6 * up)
    rig["look"] *= 0.3
    rig["bend"] += 0.06 * tip
    rig["flex"] += 0.08 * up
    return rig


def wave(time: np.ndarray, build: Build, style: Style) -> Rig:
    """One arm goes up and the forearm swings from side to side."""
    rig, w = idle(time, build, style), style.whim
    up = hold(time, moments(style, 0, 0.28, 0.74, 1.0))
    rate = (1.5 + 0.8 * w[0]) * style.speed
    beat = np.sin(2 * np.pi * rate * (time - style.start)) * up
    raise_ = 1.15 + 0.95 * style.habit[5]  # angle of the upper arm from hanging: below to above the shoulder
    abduct = raise_ - 0.12 * beat
    tilt = 0.15 - 0.55 * style.amplitude * beat
    upper = vectors(-np.sin(abduct) * 0.9, -np.cos(abduct), 0.35 + 0 * up)
    upper /= np.linalg.norm(upper, axis=1, keepdims=True)
    fore = vectors(np.sin(tilt), np.cos(tilt), 0.22)
    rig["hand_r"] = 0.5 * upper + 0.5 * fore / np.linalg.norm(fore, axis=1, keepdims=True)
    rig["grip_r"] = up
    rig["pole_r"] = upper * [1.4, 1, 1] + [0, -0.6, 0]
    rig["bend"] += -0.05 * up + 0.035 * beat
    rig["look"] *= 1 - 0.7 * up
    return rig


def pick(time: np.ndarray, build: Build, style: Style) -> Rig:
    """Down to an object on the floor with bent back and knees, take it, up again with it."""
    rig, a = idle(time, build, style), style.amplitude
    squat = style.habit[5]  # 0 bends the back, 1 bends the knees
    down = hold(time, moments(style, 0, 0.4, 0.55, 0.97))
    rig["taken"] = ease(time, *moments(style, 0.42, 0.5))
    drop = build.leg * (0.2 + 0.36 * squat) * down
    rig["pelvis"][:, 1] -= drop
    rig["pelvis"][:, 2] -= (0.16 - 0.06 * squat) * down
    rig["lean"] = (1.05 - 0.45 * squat) * down
    rig["flex"] += (0.55 + 0.1 * a) * down
    rig["nod"] += 0.1 * np.sin(np.pi * down) - 0.15 * down
    rig["look"] *= 1 - down
    rig["hand_frame"] = "floor"
    floor = vectors(-0.1, 0.17, 0.36) + np.zeros((len(time), 1))
    belly = vectors(-0.12, build.shoulder - 0.42, 0.3)
    after = ease(time, *moments(style, 0.58, 0.97))
    rig["hand_r"] = floor + after[:, None] * (belly - floor)
    rig["grip_r"] = ease(time, *moments(style, 0.0, 0.36))
    rig["pole_r"] = vectors(-0.6, -0.1, -0.8) + np.zeros((len(time), 1))
    rig["swing_l"] = rig["swing_l"] + 0.9 * down
    rig["elbow_l"] = rig["elbow_l"] + 0.5 * down
    rig["foot_l"][:, 2] += 0.1
    rig["foot_r"][:, 2] -= 0.1 * squat
    rig["foot_pitch_r"] = 0.7 * squat * down
    for name in "lr":
        rig[f"knee_out_{name}"] = 0.35 * squat * down
    return rig


def _seat(time: np.ndarray, build: Build, style: Style) -> Rig:
    rig, w = idle(time, build, style), style.whim
    down = ease(time, style.start, style.end)
    bow = np.sin(np.pi * np.clip(0.08 + 0.84 * down, 0, 1)) ** 2 * 16 * (down * (1 - down)) ** 1.0 / 4
    back = 0.4 + 0.06 * w[0]
    rig["pelvis"][:, 1] += (style.seat + 0.11 - build.hip) * down
    rig["pelvis"][:, 2] -= back * ease(time, style.start, middle(style, 0.85))
    rig["lean"] = 0.62 * style.amplitude * bow + (0.16 * w[1] - 0.12) * down
    rig["flex"] += 0.3 * bow + 0.12 * down
    rig["nod"] -= 0.25 * bow
    rig["hand_frame"] = "floor"
    for name, side in (("l", 1), ("r", -1)):
        thigh = vectors(side * (build.stance + 0.05), style.seat + 0.2, 0.03 - 0.1 * w[2])
        rig[f"hand_{name}"] = thigh + np.zeros((len(time), 1))
        rig[f"grip_{name}"] = ease(time, middle(style, 0.3), style.end)
        rig[f"swing_{name}"] = rig[f"swing_{name}"] + 0.6 * bow
        rig[f"elbow_{name}"] = rig[f"elbow_{name}"] + 0.5 * bow
        rig[f"pole_{name}"] = vectors(0.6 * side, -0.5, -0.8) + np.zeros((len(time), 1))
    return rig


def sit(time: np.ndarray, build: Build, style: Style) -> Rig:
    """From standing before a chair down onto it, the trunk bowing forward on the way."""
    return _seat(time, build, style)


def stand(time: np.ndarray, build: Build, style: Style) -> Rig:
    """`sit` read backwards: at time `start` + s it is where `sit` is at `end` - s."""
    return _seat(style.start + style.end - time, build, style)


def jump(time: np.ndarray, build: Build, style: Style) -> Rig:
    """Crouch with the arms back, fly with the arms up, land and bend the knees; once or twice."""
    rig, w = idle(time, build, style), style.whim
    height = (0.16 + 0.2 * w[0]) * style.amplitude
    flight = 2 * np.sqrt(2 * height / GRAVITY)
    count = 2 if w[1] < 0.6 and style.end - style.start > 1.9 else 1
    period = (style.end - style.start) / count
    crouch, air, swing, forward = (np.zeros_like(time) for _ in range(4))
    for k in range(count):
        leave = style.start + (k + 0.55) * period - flight / 2
        land = leave + flight
        load = min(0.42, leave - style.start - k * period)
        crouch += hold(time, (leave - load, leave - 0.17, leave - 0.15, leave + 0.04))
        crouch += 0.8 * hold(time, (land - 0.03, land + 0.13, land + 0.15, land + 0.45))
        since = np.clip(time - leave, 0, flight)
        air += 0.5 * GRAVITY * since * (flight - since)
        swing -= 0.8 * hold(time, (leave - load, leave - 0.22, leave - 0.25, leave + 0.02))
        swing += (1.2 + 1.0 * w[2]) * hold(time, (leave - 0.25, leave + 0.14, land - 0.1, land + 0.35))
        forward += 0.35 * (w[3] - 0.3) * ease(time, leave, land)
    depth = 0.24 * build.leg * (0.8 + 0.6 * w[4]) * crouch
    rig["pelvis"] += vectors(0, air - depth, forward - 0.25 * depth)
    rig["lean"], rig["flex"] = 1.1 * depth, rig["flex"] + 0.9 * depth
    rig["nod"] -= 0.8 * depth
    off_floor = np.clip(air / height, 0, 1)
    for name in "lr":
        rig[f"foot_{name}"] += vectors(
            0, np.maximum(air - 0.05 * off_floor, 0) + 0.1 * w[5] * off_floor, forward
        )
        rig[f"foot_pitch_{name}"] = 0.65 * np.sqrt(off_floor) * (1 - 0.5 * w[5])
        rig[f"swing_{name}"] = rig[f"swing_{name}"] + swing
        rig[f"elbow_{name}"] = rig[f"elbow_{name}"] + 0.5 * np.abs(swing) * w[6] + 0.3 * crouch
        rig[f"out_{name}"] = rig[f"out_{name}"] + 0.25 * w[7] * off_floor
    return rig


def _stride(time: np.ndarray, build: Build, style: Style, run: bool) -> Rig:
    """Walking or running straight on or in a wide bend; half-way it passes the origin."""
    rig, h, w = idle(time, build, style), style.habit, style.whim
    scale = build.leg / 0.8
    pace = ((2.0 + 0.5 * h[5]) if run else (1.0 + 0.3 * h[5])) * style.speed * scale
    rate = ((1.32 + 0.12 * h[6]) if run else (0.86 + 0.12 * h[6])) * np.sqrt(style.speed / scale)
    bend = 0.5 * (w[0] - 0.5) * (1.0 if run else 0.8)
    since = time - middle(style, 0.5)
    heading = bend * since
    curve = np.where(abs(bend) < 1e-6, 1e-6, bend)
    path = vectors(pace * (1 - np.cos(curve * since)) / curve, 0, pace * np.sin(curve * since) / curve)
    phase = rate * since + w[1]
    footsteps(rig, path, heading, phase, build, run)
    twist = (0.22 if run else 0.13) * np.sin(2 * np.pi * phase)
    rig["look"] *= 0.6
    rig["lean"] = (0.08 + 0.1 * h[7]) if run else (0.02 + 0.08 * h[7]) + 0 * time
    rig["lean"] = rig["lean"] + 0 * time
    rig["turn"] = heading - twist
    rig["twist"] = 1.9 * twist
    rig["look"] -= 0.9 * twist
    arms = (0.75 if run else 0.38 + 0.2 * h[3]) * style.amplitude
    bent = (1.15 + 0.6 * h[4]) if run else (0.2 + 0.5 * h[4] ** 3)
    for name, side in (("l", 1), ("r", -1)):
        back = -side * np.sin(2 * np.pi * phase)
        rig[f"swing_{name}"] = 0.05 + arms * back - (0.12 if run else 0)
        rig[f"elbow_{name}"] = bent + 0.25 * (back + 1) * (0.8 if run else 0.6)
        rig[f"out_{name}"] = rig[f"out_{name}"] + (0.08 if run else 0.0)
    return rig


def walk(time: np.ndarray, build: Build, style: Style) -> Rig:
    """Heel to toe, one foot always on the floor."""
    return _stride(time, build, style, run=False)


def run(time: np.ndarray, build: Build, style: Style) -> Rig:
    """A jog: heels lifted high, both feet off the floor between steps, arms bent."""
    return _stride(time, build, style, run=True)


def turn(time: np.ndarray, build: Build, style: Style) -> Rig:
    """Turning round on the spot in three to five small steps, the head first."""
    rig, w = idle(time, build, style), style.whim
    angle = (1.6 + 1.6 * w[0]) * style.amplitude
    begin, end = style.start, style.end
    steps = 2 if angle < 2.4 else 3
    progress = ease(time, begin, end)
    heading = angle * progress
    path = vectors(0, 0, 0.3 * (w[1] - 0.3) * progress)
    share = np.clip((time - begin) / (end - begin), 0, 1)
    phase = 0.06 + 0.5 * steps * share**2 * (3 - 2 * share)
    footsteps(rig, path, heading, phase, build, run=False)
    lead = angle * (ease(time, begin - 0.15, end - 0.3) - progress)
    rig["turn"] = heading
    rig["twist"] = 0.45 * lead
    rig["look"] = 0.5 * rig["look"] + np.clip(0.6 * lead, -0.9, 0.9)
    spin = np.gradient(progress, time)
    for name, side in (("l", 1), ("r", -1)):
        rig[f"out_{name}"] = rig[f"out_{name}"] + 0.14 * spin
        rig[f"swing_{name}"] = rig[f"swing_{name}"] + 0.22 * side * spin
    return rig


def push(time: np.ndarray, build: Build, style: Style) -> Rig:
    """Both hands on the cart, lean into it, and walk it forward with short steps."""
    rig, w = idle(time, build, style), style.whim
    far = (0.55 + 0.35 * w[0]) * (style.end - style.start) * style.speed
    lean_in = ease(time, style.start - 0.35, middle(style, 0.2))
    travel = np.clip((time - middle(style, 0.1)) / (style.end - middle(style, 0.1)), 0, 1)
    travel = far * travel**2 * (2 - travel**2)
    stride = 0.34 * build.leg / 0.8
    steps = np.ceil(far / stride)
    path = vectors(0, 0, travel)
    footsteps(rig, path, 0 * time, 0.06 + 0.5 * steps * travel / far, build, run=False)
    strain = 0.28 + 0.25 * w[1] * style.amplitude
    rig["pelvis"][:, 1] -= 0.05 * lean_in
    rig["pelvis"][:, 2] -= 0.04 + 0.06 * lean_in
    rig["lean"] = strain * lean_in
    rig["flex"] += 0.12 * lean_in
    rig["nod"] -= 0.3 * strain * lean_in
    rig["look"] *= 0.4
    rig["cart"] = path
    rig["hand_frame"] = "floor"
    for name, side in (("l", 1), ("r", -1)):
        rig[f"hand_{name}"] = (
            vectors(side * (0.17 + 0.05 * w[2]), style.handle, push_reach(build) - 0.1) + path
        )
        rig[f"grip_{name}"] = ease(time, style.start - 0.5, style.start + 0.05)
        rig[f"pole_{name}"] = vectors(0.75 * side, -0.6, -0.5) + np.zeros((len(time), 1))
    return rig


def push_reach(build: Build) -> float:
    """How far before the pelvis the near side of the cart stands [m]."""
    return 0.3 + 0.62 * build.arm


MOTIONS: dict[str, Callable[[np.ndarray, Build, Style], Rig]] = {
    "Drink": drink,
    "Jump": jump,
    "Pick": pick,
    "Pour": pour,
    "Push": push,
    "Run": run,
    "Sit": sit,
    "Stand": stand,
    "Turn": turn,
    "Walk": walk,
    "Wave": wave,
}
