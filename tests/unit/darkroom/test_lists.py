"""The committed lists of Darkroom and Daylight: ARID's form, enough clips and groups, no group in two subsets."""

import re
import runpy
import shutil
from pathlib import Path

import pytest

from ukdlib.darkroom.motion import CLASSES

DATA = Path(__file__).parents[3] / "data"
LISTS = (("darkroom", 0), ("darkroom", 1), ("daylight", 0))
LINE = re.compile(r"(\d+)\t(\d+)\t(\w+)/(\w+)_(\d+)_(\d+)\.mp4")


def listed(name, split, part):
    """[(idx, label, class, group, clip)] of one list; every line must have ARID's form."""
    lines = (DATA / name / "list_cvt" / f"split{split}_{part}.txt").read_text().splitlines()
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(m and m[3] == m[4] for m in matches)
    return [(int(m[1]), int(m[2]), m[3], int(m[5]), int(m[6])) for m in matches]


def groups(name, split, part):
    return {row[3] for row in listed(name, split, part)}


@pytest.mark.parametrize("name", ["darkroom", "daylight"])
def test_mapping_table_names_arids_classes_in_order(name):
    lines = (DATA / name / "list_cvt" / "mapping_table.txt").read_text().splitlines()
    assert [line.split("\t") for line in lines] == [[str(i), name] for i, name in enumerate(CLASSES)]


@pytest.mark.parametrize(("name", "split"), LISTS)
def test_a_split_has_every_clip_once(name, split):
    rows = listed(name, split, "train") + listed(name, split, "test")
    assert len({row[2:] for row in rows}) == len(rows) >= 500
    assert len({row[3] for row in rows}) >= 24


@pytest.mark.parametrize(("name", "split"), LISTS)
@pytest.mark.parametrize("part", ["train", "test"])
def test_every_subset_has_every_class_and_labels_agree_with_folders(name, split, part):
    rows = listed(name, split, part)
    assert {row[2] for row in rows} == set(CLASSES)
    assert all(CLASSES[label] == name for _, label, name, _, _ in rows)
    assert [row[0] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize(("name", "split"), LISTS)
def test_no_group_is_in_train_and_test(name, split):
    assert not groups(name, split, "train") & groups(name, split, "test")


def test_the_splits_test_on_different_groups():
    assert not groups("darkroom", 0, "test") & groups("darkroom", 1, "test")


def test_daylight_has_enough_clips_to_start_from():
    assert len(listed("daylight", 0, "train") + listed("daylight", 0, "test")) >= 2500


def test_the_script_writes_the_committed_lists(tmp_path):
    shutil.copy(DATA / "make_lists.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_lists.py"), run_name="__main__")
    for name in ("darkroom", "daylight"):
        committed = {p.name: p.read_bytes() for p in (DATA / name / "list_cvt").iterdir()}
        assert {p.name: p.read_bytes() for p in (tmp_path / name / "list_cvt").iterdir()} == committed
