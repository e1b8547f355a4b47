"""Laws of the motions and of the figure that performs them."""

import numpy as np
import pytest

from ukdlib.darkroom import body
from ukdlib.darkroom.motion import CLASSES, MOTIONS
from ukdlib.darkroom.rig import Style, ease, hold
from ukdlib.darkroom.stage import measure

FIGURE = body.make_figure(np.zeros(10))
BUILD = measure(FIGURE)
RATE = 120
TIME = np.arange(-0.5, 3.0, 1 / RATE)


def style(seed=0, **changes):
    rng = np.random.default_rng(seed)
    values = dict(start=0.4, end=1.9, amplitude=1.0, speed=1.0, habit=rng.random(8), whim=rng.random(16))
    return Style(**(values | changes))


def performed(action, seed=0, time=TIME):
    return body.solve(FIGURE, MOTIONS[action](time, BUILD, style(seed)))


@pytest.mark.parametrize("shape", [np.zeros(10), np.full(10, 1.0), np.linspace(-2, 2, 10)])
def test_a_figure_stands_on_the_floor_and_its_skin_is_whole(shape):
    figure = body.make_figure(shape)
    rest = figure.points + figure.joints[figure.joint_of]
    assert rest[:, 1].min() == pytest.approx(0, abs=1e-5) and 1.4 < rest[:, 1].max() < 2.2
    assert set(figure.joint_of) == set(range(len(body.JOINTS)))
    assert (
        figure.joint_of[figure.faces] == figure.joint_of[figure.faces[:, :1]]
    ).all()  # a face stays on one bone


@pytest.mark.parametrize("action", CLASSES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bones_keep_their_lengths_and_rotations_are_rotations(action, seed):
    rotations, positions = performed(action, seed)
    np.testing.assert_allclose(
        rotations @ rotations.swapaxes(-1, -2), np.eye(3) + np.zeros_like(rotations), atol=1e-9
    )
    for joint in range(1, len(body.JOINTS)):
        parent = body.PARENTS[joint]
        lengths = np.linalg.norm(positions[:, joint] - positions[:, parent], axis=1)
        np.testing.assert_allclose(lengths, FIGURE.length(joint, parent), atol=1e-9)


@pytest.mark.parametrize("action", CLASSES)
@pytest.mark.parametrize("seed", range(6))
def test_joints_do_not_jump(action, seed):
    rotations, positions = performed(action, seed)
    step = rotations[:-1].swapaxes(-1, -2) @ rotations[1:]
    angle = np.arccos(np.clip((np.trace(step, axis1=-2, axis2=-1) - 1) / 2, -1, 1))
    assert angle.max() * RATE < 30, body.JOINTS[np.unravel_index(angle.argmax(), angle.shape)[1]]  # rad/s
    assert np.linalg.norm(np.diff(positions, axis=0), axis=-1).max() * RATE < 12  # m/s: hands of a jump


@pytest.mark.parametrize("action", CLASSES)
@pytest.mark.parametrize("seed", range(4))
def test_feet_neither_sink_nor_hover(action, seed):
    lowest = body.skin(FIGURE, *performed(action, seed))[..., 1].min(1)
    assert lowest.min() > -0.06
    if action not in ("Jump", "Run"):
        assert lowest.max() < 0.06


@pytest.mark.parametrize("action", ["Walk", "Push", "Turn", "Run"])
def test_a_foot_on_the_floor_does_not_slide(action):
    rig = MOTIONS[action](TIME, BUILD, style(3))
    feet = np.stack([rig["foot_l"], rig["foot_r"]])
    down = (feet[..., 1] < 1e-6)[:, 1:] & (feet[..., 1] < 1e-6)[:, :-1]
    speed = np.linalg.norm(np.diff(feet, axis=1), axis=-1) * RATE
    assert down.any() and speed[down].max() < 0.02
    airborne = (feet[..., 1] > 0.01).all(0)
    assert airborne.any() == (action == "Run")  # running has a flight, walking never


@pytest.mark.parametrize("seed", range(3))
def test_stand_is_sit_read_backwards(seed):
    time = np.linspace(0, 2.3, 70)  # symmetric about the middle of the action, (0.4 + 1.9) / 2
    sitting, standing = (body.skin(FIGURE, *performed(action, seed, time)) for action in ("Sit", "Stand"))
    np.testing.assert_allclose(standing, sitting[::-1], atol=1e-6)
    pelvis = performed("Sit", seed, time)[1][:, body.PELVIS, 1]
    assert pelvis[0] - pelvis[-1] > 0.3 and pelvis[-1] == pytest.approx(style().seat + 0.11, abs=0.03)


def test_run_is_faster_than_walk_and_leans_alike_in_some_people():
    speeds, leans = {}, {}
    for action in ("Walk", "Run"):
        rigs = [MOTIONS[action](TIME, BUILD, style(seed)) for seed in range(30)]
        speeds[action] = [np.linalg.norm(r["pelvis"][-1] - r["pelvis"][0]) / np.ptp(TIME) for r in rigs]
        leans[action] = [r["lean"].mean() for r in rigs]
    assert max(speeds["Walk"]) < min(speeds["Run"])
    assert max(leans["Walk"]) > np.percentile(leans["Run"], 20)


@pytest.mark.parametrize("action", sorted(set(CLASSES) - {"Run", "Walk", "Turn", "Jump", "Push"}))
def test_hands_or_seat_move_only_during_the_action(action):
    rig = MOTIONS[action](TIME, BUILD, style(1))
    early, late = TIME < 0.4, (TIME > 1.9)
    for quiet in (early, late):
        assert np.ptp(rig["pelvis"][quiet, 1]) < 0.03 and np.ptp(rig["lean"][quiet]) < 0.02


def test_the_hand_meets_the_mouth_the_floor_and_the_cart():
    rotations, positions = performed("Drink", 1)
    mouth = positions[:, body.HEAD] + body.apply(rotations[:, body.HEAD], [0, 0.0, 0.1])
    assert np.linalg.norm(body.palms(rotations, positions, -1) - mouth, axis=1).min() < 0.16
    assert body.palms(*performed("Pick", 1), -1)[:, 1].min() < 0.25
    rig = MOTIONS["Push"](TIME, BUILD, style(1))
    rotations, positions = body.solve(FIGURE, rig)
    for side, name in ((1, "l"), (-1, "r")):
        wrist = positions[:, body.L_WRIST if side > 0 else body.R_WRIST]
        late = TIME > 0.6
        assert np.linalg.norm(wrist - rig[f"hand_{name}"], axis=1)[late].max() < 0.12


def test_two_bones_reach_what_is_in_reach_and_bend_towards_the_pole():
    rng = np.random.default_rng(0)
    start, pole = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    target = start + body.unit(rng.normal(size=(50, 3))) * rng.uniform(0.1, 0.69, (50, 1))
    first, second, hinge = body.two_bones(start, target, pole, (0.4, 0.3))
    np.testing.assert_allclose(start + 0.4 * first + 0.3 * second, target, atol=2e-2)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-9)
    ahead = body.unit(target - start)
    assert ((first - (first * ahead).sum(1, keepdims=True) * ahead) * pole).sum(1).min() > -1e-9
    np.testing.assert_allclose((hinge * first).sum(1), 0, atol=1e-9)


def test_turn_matrices_follow_the_right_hand():
    for axis in range(3):
        moved = body.turn(axis, np.pi / 2) @ np.eye(3)[(axis + 1) % 3]
        np.testing.assert_allclose(moved, np.eye(3)[(axis + 2) % 3], atol=1e-12)


def test_ease_and_hold_rest_outside_and_rise_once():
    time = np.linspace(-1, 4, 501)
    step, bump = ease(time, 0, 2), hold(time, (0, 1, 2, 3))
    assert (
        step[0] == 0
        and step[-1] == 1
        and (np.diff(step) >= -1e-12).all()
        and ease(np.array([1.0]), 0, 2)[0] == 0.5
    )
    assert bump[0] == bump[-1] == 0 and bump.max() == pytest.approx(1)
