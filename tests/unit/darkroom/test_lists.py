"""Darkroom's committed lists: ARID's form, enough clips and groups, no group in two subsets."""

import importlib.util
import re
from pathlib import Path

import pytest

from ukdlib.darkroom.motion import CLASSES

DATA = Path(__file__).parents[3] / "data" / "darkroom"
SPLITS = (0, 1)
LINE = re.compile(r"(\d+)\t(\d+)\t(\w+)/(\w+)_(\d+)_(\d+)\.mp4")


def listed(split, part):
    """[(idx, label, class, group, clip)] of one list; every line must have ARID's form."""
    lines = (DATA / "list_cvt" / f"split{split}_{part}.txt").read_text().splitlines()
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(m and m[3] == m[4] for m in matches)
    return [(int(m[1]), int(m[2]), m[3], int(m[5]), int(m[6])) for m in matches]


def groups(split, part):
    return {row[3] for row in listed(split, part)}


def test_mapping_table_names_arids_classes_in_order():
    lines = (DATA / "list_cvt" / "mapping_table.txt").read_text().splitlines()
    assert [line.split("\t") for line in lines] == [[str(i), name] for i, name in enumerate(CLASSES)]


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_has_every_clip_once(split):
    rows = listed(split, "train") + listed(split, "test")
    assert len({row[2:] for row in rows}) == len(rows) >= 500
    assert len({row[3] for row in rows}) >= 24


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("part", ["train", "test"])
def test_every_subset_has_every_class_and_labels_agree_with_folders(split, part):
    rows = listed(split, part)
    assert {row[2] for row in rows} == set(CLASSES)
    assert all(CLASSES[label] == name for _, label, name, _, _ in rows)
    assert [row[0] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("split", SPLITS)
def test_no_group_is_in_train_and_test(split):
    assert not groups(split, "train") & groups(split, "test")


def test_the_splits_test_on_different_groups():
    assert not groups(0, "test") & groups(1, "test")


def test_the_script_writes_the_committed_lists(tmp_path):
    spec = importlib.util.spec_from_file_location("make_lists", DATA / "make_lists.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_lists(tmp_path)
    committed = {p.name: p.read_bytes() for p in (DATA / "list_cvt").iterdir()}
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == committed
