"""What is written is read back bit by bit, whole or in part, and files and rows that do not fit are refused."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.knowledge.logit_files import CLASSES, assert_same, make_rows, rewrite, run_script, store
from ukdlib.knowledge import logits as module
from ukdlib.knowledge.logits import LogitFile, check_origin, open_writer, read_logits, write_logits
from ukdlib.videos.records import write_records


def test_rows_are_read_back_bit_by_bit(tmp_path):
    rows = make_rows()
    rows.logits[0] = [1e-45, np.float32(0.1), -3e38]  # the smallest number, a rounded one, a large one
    again = read_logits(store(tmp_path / "a.parquet", rows, role="teachers", name="rgb"))
    assert_same(rows, again)
    assert again.logits.tobytes() == rows.logits.tobytes()
    assert again.metadata == {"role": "teachers", "name": "rgb"}
    assert again.weights is None
    assert again.constant is None


def test_a_fusion_keeps_its_weights_and_constant(tmp_path):
    rows = make_rows()
    weights, constant = np.full((10, 4), 0.25, np.float32), np.arange(10, dtype=np.float32)
    path = store(tmp_path / "a.parquet", replace(rows, weights=weights, constant=constant))
    again = read_logits(path)
    np.testing.assert_array_equal(again.weights, weights)
    np.testing.assert_array_equal(again.constant, constant)
    lean = read_logits(path, with_weights=False)
    assert lean.weights is None
    np.testing.assert_array_equal(lean.constant, constant)
    assert_same(lean, rows)


def test_folds_are_kept_and_are_absent_where_there_are_none(tmp_path):
    folds = np.repeat([2, 0, 1, 0, 2], 2)
    again = read_logits(store(tmp_path / "a.parquet", replace(make_rows(), folds=folds)))
    np.testing.assert_array_equal(again.folds, folds)
    assert read_logits(store(tmp_path / "b.parquet", make_rows())).folds is None


@pytest.mark.parametrize("columns", [["logits"], ["video_id", "view"], None])
def test_any_range_of_rows_is_a_slice_of_all(tmp_path, monkeypatch, columns):
    monkeypatch.setattr(module, "ROW_GROUP", 5)
    weights = np.random.default_rng(1).random((18, 4)).astype(np.float32)
    rows = replace(make_rows(videos=9), weights=weights, constant=weights[:, 0], folds=np.arange(18) // 2)
    path = store(tmp_path / "a.parquet", rows)
    ours = LogitFile(path)
    other = LogitFile(rewrite(store(tmp_path / "b.parquet", rows), lambda table: table, row_group_size=7))
    assert (ours.starts.tolist(), other.starts.tolist()) == ([0, 4, 8, 12, 16, 18], [0, 7, 14, 18])
    whole = pq.read_table(path, columns=columns)
    for file in (ours, other):
        for begin in range(18):
            for end in range(begin + 1, 19):
                assert file.table(begin, end, columns).equals(whole.slice(begin, end - begin))
                np.testing.assert_array_equal(file.logits(begin, end), rows.logits[begin:end])
                part = file.rows(begin, end)
                expected = rows.pick(np.arange(begin, end))
                assert_same(part, expected)
                for name in ("weights", "constant", "folds"):
                    np.testing.assert_array_equal(getattr(part, name), getattr(expected, name))


def test_picked_rows_keep_all_their_columns():
    rows = replace(make_rows(), weights=np.arange(20).reshape(10, 2), folds=np.arange(10))
    few = rows.pick(np.array([7, 2]))
    assert len(few) == 2 and few.constant is None
    assert few.video_ids.tolist() == ["Drink_0003", "Drink_0001"]
    assert (few.weights.tolist(), few.folds.tolist()) == ([[14, 15], [4, 5]], [7, 2])


def test_another_origin_is_refused(tmp_path):
    stated = {"checkpoint": "1f", "frames": "2a", "more": "x"}
    check_origin("a.parquet", stated, {"checkpoint": "1f", "frames": "2a"})
    with pytest.raises(
        ValueError, match=r"a.parquet: it was made with frames '2a', but the current one is '2b'"
    ):
        check_origin("a.parquet", stated, {"checkpoint": "1f", "frames": "2b"})
    with pytest.raises(
        ValueError, match=r"a.parquet: it was made with seed None, but the current one is '0'"
    ):
        check_origin("a.parquet", stated, {"seed": "0"})


def test_the_order_of_writing_does_not_matter(tmp_path):
    rows = make_rows()
    shuffled = rows.pick(np.random.default_rng(1).permutation(10))
    assert_same(rows, read_logits(store(tmp_path / "a.parquet", shuffled)))


def test_columns_and_metadata_are_as_documented(tmp_path):
    schema = pq.read_schema(store(tmp_path / "a.parquet", make_rows(), name="rgb"))
    assert schema.names == ["video_id", "view", "label", "logits"]
    assert pa.types.is_fixed_size_list(schema.field("logits").type)
    footer = pq.read_metadata(tmp_path / "a.parquet").metadata
    assert (footer[b"schema_version"], json.loads(footer[b"classes"]), footer[b"name"]) == (
        b"1",
        CLASSES,
        b"rgb",
    )


@pytest.mark.parametrize("views", [1, 3])
def test_row_groups_hold_whole_videos(tmp_path, monkeypatch, views):
    monkeypatch.setattr(module, "ROW_GROUP", 5)
    rows = make_rows(videos=9, views=views)
    file = pq.ParquetFile(store(tmp_path / "a.parquet", rows))
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == ([5, 4] if views == 1 else [3] * 9)
    assert_same(rows, read_logits(tmp_path / "a.parquet"))


def test_a_video_of_more_views_than_a_row_group_stays_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 1)
    file = pq.ParquetFile(store(tmp_path / "a.parquet", make_rows(videos=2, views=4)))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 4]


def with_row(column, row, value):
    rows = make_rows()
    getattr(rows, column)[row] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (with_row("logits", 3, np.nan), "a.parquet: row 3, video 'Drink_0001' view 1 .* not finite"),
        (with_row("logits", 3, np.inf), "a.parquet: row 3, .* not finite"),
        (with_row("labels", 2, 3), r"a.parquet: row 2, .* label outside 0 .. 2"),
        (with_row("labels", 2, -2), r"a.parquet: row 2, .* label outside 0 .. 2"),
        (with_row("views", 5, 0), "a.parquet: row 5, video 'Drink_0002' view 0 label 2, is a duplicate"),
        (
            replace(make_rows(), classes=["a", "b"]),
            r"a.parquet: 10 rows of \['a', 'b'\] with logits \(10, 3\)",
        ),
        (make_rows().pick(np.arange(0)), "a.parquet: no rows"),
    ],
)
def test_faulty_rows_are_not_written(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        write_logits(tmp_path / "a.parquet", rows)
    assert list(tmp_path.iterdir()) == []


def test_faulty_rows_are_not_read(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "_check_rows", lambda *_: None)  # as if another tool had written the file
        path = store(tmp_path / "a.parquet", with_row("logits", 3, np.nan))
        backwards = tmp_path / "b.parquet"
        with open_writer(backwards, {}) as write:
            write(make_rows().pick(np.arange(10)[::-1]))
    with pytest.raises(ValueError, match=r"a.parquet: row 3, .* not finite"):
        read_logits(path)
    for read in (LogitFile(path).logits, LogitFile(path).rows):  # the row's number is that in the file
        with pytest.raises(ValueError, match=r"a.parquet: row 3, .* not finite"):
            read(2, 5)
        read(4, 10)
    with pytest.raises(ValueError, match=r"b.parquet: row 1, .* not sorted"):
        read_logits(backwards)


@pytest.mark.parametrize(
    ("values", "message"), [([[1, 2, 3]] * 9 + [[1, 2]], r"\[3, 2\]"), ([None] * 10, "None")]
)
def test_rows_of_other_widths_are_refused(tmp_path, values, message):
    lists = pa.array(values, pa.list_(pa.float32()))
    path = rewrite(
        store(tmp_path / "a.parquet", make_rows()), lambda table: table.set_column(3, "logits", lists)
    )
    with pytest.raises(ValueError, match=rf"a.parquet: rows have .*{message}.* numbers; expected the same"):
        read_logits(path)


def test_an_empty_file_is_refused(tmp_path):
    table = pq.read_table(store(tmp_path / "a.parquet", make_rows()))
    pq.write_table(table.slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(
        ValueError, match=r"empty.parquet: not a logit file"
    ):  # its metadata went with the rows
        read_logits(tmp_path / "empty.parquet")
    text = {"schema_version": "1", "classes": json.dumps(CLASSES)}
    pq.write_table(table.slice(0, 0).replace_schema_metadata(text), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match=r"empty.parquet: no rows"):
        read_logits(tmp_path / "empty.parquet")


def test_a_file_of_something_else_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(
        ValueError, match=r"a.parquet: not a logit file: its metadata needs schema_version 1 and classes"
    ):
        read_logits(tmp_path / "a.parquet")


def test_pieces_are_written_in_order_and_whole(tmp_path):
    rows = make_rows()
    with open_writer(tmp_path / "a.parquet", metadata := {"name": "x"}) as write:
        for begin in (0, 4, 8):
            write(rows.pick(np.arange(begin, min(begin + 4, 10))))
        metadata["share"] = "0.5"
    assert_same(rows, again := read_logits(tmp_path / "a.parquet"))
    assert again.metadata == {"name": "x", "share": "0.5"}
    for begin in (0, 3):  # back to the start; amid a video
        with pytest.raises(
            ValueError, match=r"b.parquet: a row group begins with video .* whole videos, in order"
        ):
            with open_writer(tmp_path / "b.parquet", {}) as write:
                write(rows.pick(np.arange(3)))
                write(rows.pick(np.arange(begin, 10)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_failure_leaves_the_former_file_and_no_part(tmp_path):
    path = store(tmp_path / "a.parquet", make_rows())
    with pytest.raises(KeyboardInterrupt), open_writer(path, {}) as write:
        write(make_rows(seed=1))
        raise KeyboardInterrupt
    assert_same(make_rows(), read_logits(path))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_script_evaluate_writes_the_rules_context_and_the_metrics(tmp_path, monkeypatch):
    context = {"dataset": "toy", "split": 0, "seed": 1, "role": "teachers", "name": "rgb"}
    rows = make_rows()
    videos = pd.DataFrame({"video_id": sorted(set(rows.video_ids.tolist()))}).assign(group=list("aabbc"))
    write_records(tmp_path / "subsets.parquet", videos)
    run_script(
        "evaluate",
        monkeypatch,
        tmp_path,
        input=SimpleNamespace(
            logits=store(tmp_path / "a.parquet", rows, checkpoint="1f"),
            subsets=str(tmp_path / "subsets.parquet"),
        ),
        output=[str(tmp_path / "metrics.json")],
        params=SimpleNamespace(context=context),
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert context.items() <= metrics.items()
    assert (metrics["n"], metrics["views"], metrics["source"]) == (5, 2, {"checkpoint": "1f"})
    assert metrics["groups"] == list("aabbc")
    assert not (tmp_path / "metrics.json.part").exists()
