"""Files of several teachers are read in parallel, row group by row group, and refused if they do not match."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.unit.knowledge.logit_files import (
    CLASSES,
    assert_same,
    make_rows,
    rewrite,
    store,
    store_teachers,
)
from ukdlib.knowledge import logits as module
from ukdlib.knowledge.alignment import TARGETS, keep_views, mean_over_views, read_aligned


def read_all(paths, target="view"):
    """(video_ids, (K, N, C) logits) of all pieces, joined."""
    pieces = [(rows.video_ids, np.stack(list(stack))) for rows, stack in read_aligned(paths, target)]
    return np.concatenate([ids for ids, _ in pieces]), np.concatenate([p for _, p in pieces], axis=1)


def test_files_are_read_in_parallel(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 5)
    paths, teachers = store_teachers(tmp_path, videos=9)
    pieces = list(read_aligned(paths))
    assert [len(rows) for rows, _ in pieces] == [4, 4, 4, 4, 2]
    for (rows, stack), begin in zip(pieces, range(0, 18, 4), strict=True):
        index = np.arange(begin, begin + len(rows))
        assert_same(rows, teachers[0].pick(index))
        assert len(stack) == 3
        np.testing.assert_array_equal(list(stack), [t.logits[index] for t in teachers])
        np.testing.assert_array_equal(stack[2], stack[-1])  # repeatedly and in any order


def test_row_groups_may_end_anywhere_else_in_the_other_files(tmp_path, monkeypatch):
    teachers = [make_rows(videos=9, seed=seed) for seed in range(4)]
    paths = []
    for k, size in enumerate((5, 1, 15)):
        monkeypatch.setattr(module, "ROW_GROUP", size)
        paths.append(store(tmp_path / f"{k}.parquet", teachers[k]))
    paths.append(
        rewrite(store(tmp_path / "3.parquet", teachers[3]), lambda table: table, row_group_size=7)
    )  # cuts videos
    for first in range(3):
        order = [first, *(k for k in range(4) if k != first)]
        ids, logits = read_all([paths[k] for k in order])
        np.testing.assert_array_equal(ids, teachers[0].video_ids)
        np.testing.assert_array_equal(logits, [teachers[k].logits for k in order])
    with pytest.raises(
        ValueError, match=r"3.parquet: a row group begins with .*; row groups hold whole videos"
    ):
        read_all(paths[::-1])


def test_a_file_of_another_tool_can_be_a_teacher(tmp_path, monkeypatch):
    """Other columns, 64-bit integers, double precision and row groups of other sizes are understood."""
    rows, other = make_rows(videos=9), make_rows(videos=9, seed=1)
    monkeypatch.setattr(module, "ROW_GROUP", 5)
    first = store(tmp_path / "first.parquet", rows)
    foreign = {"logits": other.logits.astype(float).tolist(), "label": other.labels, "view": other.views}
    table = pa.table({"note": ["x"] * 18, "video_id": other.video_ids.tolist(), **foreign})
    table = table.replace_schema_metadata({"schema_version": "1", "classes": json.dumps(CLASSES)})
    pq.write_table(table, tmp_path / "foreign.parquet", row_group_size=7)
    _, read = read_all([first, str(tmp_path / "foreign.parquet")])
    np.testing.assert_array_equal(read, [rows.logits, other.logits])


def test_memory_does_not_grow_with_the_number_of_teachers(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 256)
    classes = [f"c{i}" for i in range(400)]
    paths, _ = store_teachers(tmp_path, count=2, videos=2000, views=1, classes=classes)  # 3.2 MB each

    def peak(count):
        pool = pa.proxy_memory_pool(before := pa.default_memory_pool())
        pa.set_memory_pool(pool)
        try:
            many = [paths[k % 2] for k in range(count)]
            largest = max(logits.nbytes for _, stack in read_aligned(many) for logits in stack)
        finally:
            pa.set_memory_pool(before)
        return pool.max_memory(), largest

    (two, piece), (sixteen, same_piece) = peak(2), peak(16)
    assert piece == same_piece == 256 * 4 * 400
    assert sixteen < 1.2 * two + 2e5  # bytes; what Arrow holds is one row group at a time
    assert sixteen < 3.2e6  # less than one file


def cell(column, row, value):
    """A change of one cell of a stored file."""

    def change(table):
        cells = table[column].to_pylist()
        cells[row] = value
        place = table.column_names.index(column)
        return table.set_column(place, table.field(column), pa.array(cells, table.field(column).type))

    return change


def without_row(row):
    return lambda table: table.filter(pc.invert(pc.equal(pa.array(range(len(table))), row)))


def with_row_twice(row):
    return lambda table: table.take([*range(row + 1), *range(row, len(table))])


# a change in the second of two files of videos Drink_0000 .. Drink_0008 with two views each, and the message
FAULTS = {
    "video": (cell("video_id", 17, "x"), "row 17 is video 'x' view 1 label 2, but video 'Drink_0008' view 1 label 2"),
    "view": (cell("view", 13, 5), "row 13 is video 'Drink_0006' view 5 label 0, but video 'Drink_0006' view 1 label 0"),
    "label": (cell("label", 6, 1), "row 6 is video 'Drink_0003' view 0 label 1, but video 'Drink_0003' view 0 label 0"),
    "missing": (
        without_row(5),
        "it has 17 rows, but 18 in FIRST; the first difference: "
        "row 5 is video 'Drink_0003' view 0 label 0, but video 'Drink_0002' view 1 label 2 there",
    ),
    "missing at the end": (
        without_row(17),
        "it has 17 rows, but 18 in FIRST; the first difference: "
        "row 17 is no row, but video 'Drink_0008' view 1 label 2 there",
    ),
    "twice": (with_row_twice(9), "row 10, video 'Drink_0004' view 1 label 1, is a duplicate"),
    "twice instead of the next": (
        lambda table: with_row_twice(9)(without_row(10)(table)),
        "row 10, video 'Drink_0004' view 1 label 1, is a duplicate",
    ),
    "swapped": (
        lambda table: table.take([*range(8), 9, 8, *range(10, 18)]),
        "row 9, video 'Drink_0004' view 0 label 1, is a duplicate, or not sorted",
    ),
    "nan": (cell("logits", 11, [0, np.nan, 0]), "row 11, video 'Drink_0005' view 1 label 2, has logits that are not"),
    "inf": (cell("logits", 11, [0, 0, -np.inf]), "row 11, video 'Drink_0005' view 1 label 2, has logits that are not"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("small", [False, True])  # one row group, or several
def test_files_that_do_not_fit_are_refused_by_name_row_and_difference(tmp_path, monkeypatch, fault, small):
    if small:
        monkeypatch.setattr(module, "ROW_GROUP", 5)
    change, message = FAULTS[fault]
    (first, second), _ = store_teachers(tmp_path, count=2, videos=9)
    rewrite(second, change, row_group_size=7 if small else None)
    with pytest.raises(ValueError) as caught:
        read_all([first, second])
    error = str(caught.value)
    assert error.startswith(f"{second}: ")
    assert message.replace("FIRST", first) in error
    if " but " in message:
        assert first in error


@pytest.mark.parametrize("fault", ["twice instead of the next", "swapped", "nan", "inf"])
def test_the_first_file_is_checked_like_the_others(tmp_path, fault):
    change, message = FAULTS[fault]
    (first, second), _ = store_teachers(tmp_path, count=2, videos=9)
    rewrite(first, change)
    with pytest.raises(ValueError, match=re.escape(first)) as caught:
        read_all([first, second])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            ["Jump", "Drink", "Wave"],
            r"its classes \['Jump', .*\] are in another order than \['Drink', .*\]",
        ),
        (["Drink", "Jump", "Run"], r"its classes are \['Drink', 'Jump', 'Run'\], but \['Drink', .*\]"),
        (["Drink", "Jump"], r"its classes are \['Drink', 'Jump'\], but \['Drink', 'Jump', 'Wave'\]"),
    ],
)
def test_other_classes_are_refused(tmp_path, classes, message):
    first = store(tmp_path / "first.parquet", make_rows(2))
    second = store(tmp_path / "second.parquet", make_rows(2, classes=classes))
    with pytest.raises(ValueError, match=f"second.parquet: {message} in .*first.parquet"):
        read_all([first, second])


def test_nothing_to_read_and_unknown_targets_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no logit files to read"):
        list(read_aligned([]))
    with pytest.raises(ValueError, match=r"unknown target 'clip'; known: \['video', 'view'\]"):
        list(read_aligned([store(tmp_path / "a.parquet", make_rows())], "clip"))


def test_mean_over_views_by_hand():
    rows = replace(
        make_rows(videos=2), logits=np.array([[0, 2, 4], [2, 4, 6], [1, 1, 1], [3, 1, -1]], np.float32)
    )
    videos, mean = mean_over_views(rows)
    np.testing.assert_array_equal(videos.logits, [[1, 3, 5], [2, 1, 0]])
    np.testing.assert_array_equal(mean(-rows.logits), [[-1, -3, -5], [-2, -1, 0]])
    assert mean(rows.logits).dtype == np.float32
    assert videos.video_ids.tolist() == ["Drink_0000", "Drink_0001"]
    assert (videos.views.tolist(), videos.labels.tolist()) == ([0, 0], [0, 1])


def test_videos_may_have_different_numbers_of_views():
    rows = make_rows(videos=3, views=3).pick(np.array([0, 3, 4, 5, 6, 7]))  # one, three and two
    videos, mean = mean_over_views(rows)
    expected = [rows.logits[:1].mean(0), rows.logits[1:4].mean(0), rows.logits[4:].mean(0)]
    np.testing.assert_allclose(mean(rows.logits), expected, rtol=1e-6)
    assert videos.labels.tolist() == [0, 1, 2]


def test_targets_of_videos_are_means_of_every_teachers_views(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 5)
    paths, teachers = store_teachers(tmp_path, videos=9)
    ids, logits = read_all(paths, "video")
    assert ids.tolist() == sorted(set(teachers[0].video_ids))
    np.testing.assert_allclose(logits, [t.logits.reshape(9, 2, 3).mean(axis=1) for t in teachers], rtol=1e-6)


def test_one_view_is_its_own_mean():
    rows = make_rows(views=1)
    for target in (mean_over_views, keep_views):
        videos, reduce = target(rows)
        assert_same(rows, videos)
        np.testing.assert_array_equal(reduce(rows.logits), rows.logits)
    assert set(TARGETS.values()) == {mean_over_views, keep_views}
