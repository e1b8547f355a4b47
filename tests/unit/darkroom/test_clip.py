"""Laws of whole clips and of the manifest that lists them."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from ukdlib.darkroom import clip, manifest, mesh, scene, stage
from ukdlib.darkroom.camera import Difficulty, generator
from ukdlib.darkroom.clip import render_clip
from ukdlib.darkroom.motion import CLASSES
from ukdlib.darkroom.stage import make_group

SAMPLE = [
    f"{name}_{3 * label + 1}_{1 + label % 2}" for label, name in enumerate(CLASSES)
]  # a clip of every class


@pytest.fixture(scope="module")
def clips():
    return {name: render_clip(name) for name in SAMPLE}


def test_clips_are_colour_pictures_of_two_to_three_seconds(clips):
    for frames in clips.values():
        assert frames.dtype == np.uint8 and frames.shape[1:] == (96, 128, 3)
        assert 2.0 <= len(frames) / 15 <= 3.0
    assert len({len(frames) for frames in clips.values()}) > 3


def test_clips_are_as_dark_as_arids(clips):
    # real clips: mean grey 6.7-37.5, median 16.9
    greys = [frames.mean() for frames in clips.values()]
    assert 6.7 <= min(greys) and max(greys) <= 37.5 and 10 < np.median(greys) < 24


def test_something_moves_in_every_clip(clips):
    for name, frames in clips.items():
        smooth = frames.astype(np.float32).mean(-1)
        smooth = smooth[:, : 96 // 8 * 8].reshape(len(frames), 12, 8, 16, 8).mean((2, 4))
        assert smooth.std(0).max() > 0.8, name


def test_the_same_name_and_seed_give_the_same_bytes():
    first, again = render_clip("Sit_2_1"), render_clip("Sit_2_1")
    np.testing.assert_array_equal(first, again)


def test_another_seed_clip_or_difficulty_gives_other_bytes():
    base = render_clip("Sit_2_1")
    brighter = dataclasses.replace(Difficulty(), grey_median=25.0)
    others = [
        render_clip("Sit_2_1", seed=1),
        render_clip("Sit_2_2"),
        render_clip("Sit_2_1", difficulty=brighter),
    ]
    assert all(len(other) != len(base) or (other != base).any() for other in others)
    assert others[2].mean() > 1.2 * base.mean()


def test_size_and_rate_are_obeyed():
    frames = render_clip("Wave_5_1", size=(48, 64), fps=10)
    assert frames.shape[1:] == (48, 64, 3) and 20 <= len(frames) <= 30


@pytest.mark.parametrize("name", ["Dance_1_1", "Walk_1", "Walk_1_1.mp4", "walk_1_1"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=re.escape(name)):
        render_clip(name)


def test_a_group_is_one_person_in_one_place_and_groups_differ():
    one, again, other = (make_group.__wrapped__(0, number, Difficulty()) for number in (4, 4, 9))
    np.testing.assert_array_equal(one.clothes, again.clothes)
    np.testing.assert_array_equal(one.surroundings.things.points, again.surroundings.things.points)
    assert not np.array_equal(one.figure.joints, other.figure.joints)
    assert not np.array_equal(one.eye, other.eye)


@pytest.mark.parametrize("kind", sorted(scene.SURROUNDINGS))
@pytest.mark.parametrize("seed", range(4))
def test_places_are_whole_meshes_with_lamps_above_the_floor(kind, seed):
    place = scene.SURROUNDINGS[kind](generator(seed, kind))
    for part in (place.shell, place.things):
        assert (
            part.faces.min() >= 0 and part.faces.max() < len(part.points) and np.isfinite(part.points).all()
        )
        assert len(part.faces) == len(part.colour) == len(part.glow) == len(part.pattern)
        assert 0 <= part.colour.min() and part.colour.max() <= 1.01
    assert place.lamps[:, 1].min() > 0 and place.lamps[:, 3:].min() >= 0 and place.lamps[0, 3:].max() > 0.1
    assert place.free[0] > 1 and place.free[1] > 0.8


@pytest.mark.parametrize("solid", [
    mesh.box((0, 0, 0), (1, 2, 3), (1, 1, 1)),
    mesh.cone((0, 0, 0), (0.5, 0.2), 1, (1, 1, 1)),
    mesh.ball((0, 0, 0), (1, 2, 1), (1, 1, 1)),
])  # fmt: skip
def test_solids_are_closed(solid):
    edges = np.sort(
        np.concatenate([solid.faces[:, [0, 1]], solid.faces[:, [1, 2]], solid.faces[:, [2, 0]]]), axis=1
    )
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_the_camera_looks_where_it_is_pointed():
    eye, target = np.array([0.3, 1.2, 3.0]), np.array([[0, 1, 0], [2, 0, -1.0], [0.3, -5, 3.0]])
    rotation = clip.look_at(eye, target)
    aimed = (rotation @ (target - eye)[..., None])[..., 0]
    np.testing.assert_allclose(aimed[:, :2], 0, atol=1e-9)
    assert (aimed[:, 2] > 0).all()
    np.testing.assert_allclose(rotation @ rotation.swapaxes(-1, -2), np.eye(3) + 0 * rotation, atol=1e-9)


def test_walkers_keep_before_the_back_wall_and_before_the_camera():
    group = make_group(0, 5, Difficulty())
    things = group.seat, group.cart, group.item
    for k in range(20):
        x, z, yaw = stage.standpoint("Run", things, group, generator(k))
        ends = z + np.array([-0.5, 0.5]) * 5.5 * np.cos(yaw)
        assert ends.max() < 1.6 and ends.min() > -group.surroundings.free[1] - 0.6 and abs(x) < 1


# ---------------------------------------------------------------- manifest


def fake(made, fail_at=None):
    def make(name, path):
        if name == fail_at:
            raise KeyboardInterrupt
        made.append(name)
        path.write_bytes(b"video")
        return np.full((30, 2, 2, 3), len(name), np.uint8)

    return make


NAMES = ["Walk/Walk_1_1.mp4", "Sit/Sit_10_1.mp4", "Run/Run_2_2.mp4"]


def test_a_manifest_has_one_row_per_clip_in_order(tmp_path):
    manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake([]))
    rows = list(csv.DictReader(open(tmp_path / "m.csv")))
    assert [row["path"] for row in rows] == NAMES and tuple(rows[0]) == manifest.COLUMNS
    assert {row["num_frames"] for row in rows} == {"30"} and float(rows[0]["mean_grey"]) == len(NAMES[0])
    assert all(len(row["sha256"]) == 64 for row in rows) and sorted(tmp_path.glob("m.csv*")) == [
        tmp_path / "m.csv"
    ]


@pytest.mark.parametrize("key, redone", [("key", NAMES[1:]), ("other key", NAMES)])
def test_a_killed_run_is_resumed_unless_its_key_differs(tmp_path, key, redone):
    with pytest.raises(KeyboardInterrupt):
        manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake([], fail_at=NAMES[1]))
    assert not (tmp_path / "m.csv").exists()
    made = []
    manifest.render_all(NAMES, tmp_path / "m.csv", key, tmp_path, fake(made))
    assert made == redone


def test_a_second_kill_loses_nothing_of_the_first_attempt(tmp_path):
    for last in (NAMES[1], NAMES[1], NAMES[2]):
        with pytest.raises(KeyboardInterrupt):
            manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake(made := [], fail_at=last))
    assert made == [NAMES[1]]
    manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake(made := []))
    assert made == [NAMES[2]]
    manifest.render_all(NAMES, tmp_path / "at_once.csv", "key", tmp_path, fake([]))
    assert (tmp_path / "m.csv").read_bytes() == (tmp_path / "at_once.csv").read_bytes()


def test_rows_of_other_clips_are_not_trusted(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake([], fail_at=NAMES[1]))
    manifest.render_all(NAMES[::-1], tmp_path / "m.csv", "key", tmp_path, fake(made := []))
    assert made == NAMES[::-1]


def test_half_a_row_or_a_missing_video_is_not_trusted(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake([], fail_at=NAMES[2]))
    (tmp_path / NAMES[0]).unlink()
    journal = tmp_path / "m.csv.journal"
    journal.write_text(journal.read_text()[:-20])
    manifest.render_all(NAMES, tmp_path / "m.csv", "key", tmp_path, fake(made := []))
    assert sorted(made) == sorted(NAMES) and (tmp_path / NAMES[0]).exists()
    assert [row["path"] for row in csv.DictReader(open(tmp_path / "m.csv"))] == NAMES
