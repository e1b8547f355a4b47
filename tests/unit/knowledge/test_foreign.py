"""Logits from any framework: both layouts are understood, more rows than needed allowed, anything else refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.knowledge.logit_files import CLASSES, assert_same, make_rows, store
from ukdlib.knowledge.foreign import read_foreign
from ukdlib.knowledge.logits import read_logits

ROWS = make_rows(videos=4)  # two views each
WANTED = {"Drink_0000": 0, "Drink_0001": 1, "Drink_0002": 2, "Drink_0003": 0}
KEYS = {"video_id": ROWS.video_ids.tolist(), "view": ROWS.views, "label": ROWS.labels}
WIDE = {name: ROWS.logits[:, c] for c, name in enumerate(CLASSES)}
LIST = {"logits": ROWS.logits.tolist()}


def write(path, columns, classes=None, order=None):
    """A file as another framework would write it, its rows in some order."""
    table = pa.table(columns)
    table = table if order is None else table.take(order)
    stated = None if classes is None else {"classes": json.dumps(classes)}
    pq.write_table(table.replace_schema_metadata(stated), path)
    return str(path)


def without(columns, *names):
    return {name: values for name, values in columns.items() if name not in names}


@pytest.mark.parametrize(("columns", "classes"), [(WIDE, None), (LIST, CLASSES)], ids=["wide", "list"])
class TestBothLayouts:
    def test_rows_come_sorted_whatever_their_order(self, tmp_path, columns, classes):
        order = np.random.default_rng(0).permutation(8)
        path = write(tmp_path / "a.parquet", {**KEYS, **columns}, classes, order)
        assert_same(read_foreign(path, WANTED, CLASSES, 2), ROWS)

    def test_columns_may_stand_in_any_order_beside_others(self, tmp_path, columns, classes):
        mixed = dict(reversed({**KEYS, **columns, "note": ["x"] * 8}.items()))
        assert_same(read_foreign(write(tmp_path / "a.parquet", mixed, classes), WANTED, CLASSES, 2), ROWS)

    def test_rows_that_are_not_requested_are_skipped(self, tmp_path, columns, classes):
        path = write(tmp_path / "a.parquet", {**KEYS, **columns}, classes)
        few = read_foreign(path, {"Drink_0002": 2, "Drink_0001": 1}, CLASSES, 1)
        assert_same(few, ROWS.pick(np.array([2, 4])))

    def test_labels_are_ours_where_the_file_has_none(self, tmp_path, columns, classes):
        path = write(tmp_path / "a.parquet", {**without(KEYS, "label"), **columns}, classes)
        assert_same(read_foreign(path, WANTED, CLASSES, 2), ROWS)

    def test_a_row_without_view_is_used_for_every_view(self, tmp_path, columns, classes):
        one = np.arange(0, 8, 2)
        path = write(tmp_path / "a.parquet", {**without(KEYS, "view"), **columns}, classes, one)
        rows = read_foreign(path, WANTED, CLASSES, 3)
        np.testing.assert_array_equal(rows.logits, np.repeat(ROWS.logits[one], 3, axis=0))
        assert rows.views.tolist() == [0, 1, 2] * 4
        np.testing.assert_array_equal(rows.labels, np.repeat(list(WANTED.values()), 3))

    def test_what_was_read_can_be_stored_and_used_as_a_teacher(self, tmp_path, columns, classes):
        path = write(tmp_path / "a.parquet", {**KEYS, **columns}, classes)
        stored = store(tmp_path / "b.parquet", read_foreign(path, WANTED, CLASSES, 2), unseen="true")
        assert_same(read_logits(stored), ROWS)


def test_other_kinds_of_numbers_are_understood(tmp_path):
    kinds = {
        "video_id": pa.array(KEYS["video_id"], pa.large_string()).dictionary_encode(),
        "view": pa.array(ROWS.views, pa.int8()),
        "label": pa.array(ROWS.labels, pa.uint16()),
        "logits": pa.array(ROWS.logits.astype(float).tolist(), pa.large_list(pa.float64())),
    }
    assert_same(read_foreign(write(tmp_path / "a.parquet", kinds, CLASSES), WANTED, CLASSES, 2), ROWS)


def changed(columns, name, row, value):
    values = list(columns[name])
    values[row] = value
    return {**columns, name: values}


NUMBERED = {**KEYS, **LIST}
FAULTS = [
    (without(NUMBERED, "video_id"), CLASSES, r"no column 'video_id'; columns are \['view', 'label', 'logits'\]"),
    ({**KEYS, **without(WIDE, "Jump")}, None, r"no column 'logits', and none for the classes \['Jump'\]; columns are"),
    (NUMBERED, None, r"its metadata `classes` is None; needed: \['Drink', 'Jump', 'Wave'\]"),
    (NUMBERED, CLASSES[:2], r"its metadata `classes` is \['Drink', 'Jump'\]; needed: \['Drink', 'Jump', 'Wave'\]"),
    (NUMBERED, CLASSES[::-1], r"its metadata `classes` is \['Wave', 'Jump', 'Drink'\]; needed in another order: \["),
    (changed(NUMBERED, "logits", 3, [1.0, 2.0]), CLASSES, r"row 3 has 2 logits, but there are 3 classes"),
    (changed(NUMBERED, "view", 3, 0), CLASSES, "row 3, video 'Drink_0001' view 0, is a duplicate of row 2"),
    (without(NUMBERED, "view"), CLASSES, "row 1, video 'Drink_0000' view 0, is a duplicate of row 0"),
    (changed(NUMBERED, "view", 3, 7), CLASSES, r"no row for video 'Drink_0001' view 1; .* there: \[0, 7\]"),
    (changed(changed(NUMBERED, "video_id", 4, "x"), "video_id", 5, "x"), CLASSES,
     r"no row for video 'Drink_0002' view 0; views of this video there: \[\]"),
    (changed(NUMBERED, "label", 5, 1), CLASSES, "row 5, video 'Drink_0002', has label 1, but the lists have 2"),
    (changed(NUMBERED, "logits", 5, [0, np.nan, 0]), CLASSES, "row 5, video 'Drink_0002', has logits that are not"),
    (changed(NUMBERED, "logits", 5, [0, None, 0]), CLASSES, "row 5, video 'Drink_0002', has logits that are not"),
    ({**KEYS, **changed(WIDE, "Wave", 5, np.inf)}, None, "row 5, video 'Drink_0002', has logits that are not finite"),
    ({**KEYS, **changed(WIDE, "Wave", 5, None)}, None, "row 5, video 'Drink_0002', has logits that are not finite"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "classes", "message"), FAULTS, ids=[m[:30] for *_, m in FAULTS])
def test_a_file_that_does_not_fit_is_refused_with_row_and_difference(tmp_path, columns, classes, message):
    path = write(tmp_path / "a.parquet", columns, classes)
    with pytest.raises(ValueError, match=f"a.parquet: {message}"):
        read_foreign(path, WANTED, CLASSES, 2)


def test_faults_of_rows_that_are_not_requested_do_not_matter(tmp_path):
    columns = changed(changed(NUMBERED, "label", 6, 2), "logits", 7, [np.nan] * 3)
    path = write(tmp_path / "a.parquet", columns, CLASSES)
    assert_same(read_foreign(path, without(WANTED, "Drink_0003"), CLASSES, 2), ROWS.pick(np.arange(6)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((8, 3)), "all rows hold the same numbers"),
        (np.tile([1.0, -2.0, 0.5], (8, 1)), "all rows hold the same numbers"),
        (np.random.default_rng(0).dirichlet(np.ones(3), 8), "its rows are probabilities"),
    ],
)
def test_numbers_that_are_no_logits_are_refused(values, message, tmp_path):
    path = write(tmp_path / "a.parquet", {**KEYS, "logits": values.tolist()}, CLASSES)
    with pytest.raises(ValueError, match=rf"a\.parquet: {message}"):
        read_foreign(path, WANTED, CLASSES, 2)
    log = np.log(np.random.default_rng(0).dirichlet(np.ones(3), 8))
    assert (
        len(read_foreign(write(path, {**KEYS, "logits": log.tolist()}, CLASSES), WANTED, CLASSES, 2).logits)
        == 8
    )
