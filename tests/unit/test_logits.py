"""What is written is read back bit by bit, files are read in step, and files that do not fit are refused."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukdlib import logits as module
from ukdlib.fusion import fused_knowledge
from ukdlib.logits import (
    LogitRows,
    keep_views,
    mean_over_views,
    open_writer,
    read_aligned,
    read_logits,
    write_logits,
)

CLASSES = ["Drink", "Jump", "Wave"]
SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


def make_rows(videos=5, views=2, seed=0, classes=CLASSES):
    """Rows of as many videos, sorted; another seed gives other logits of the same videos."""
    count = videos * views
    ids = np.repeat([f"Drink_{v:04d}" for v in range(videos)], views)
    values = np.random.default_rng(seed).normal(size=(count, len(classes))).astype(np.float32)
    labels = np.repeat(np.arange(videos) % len(classes), views)
    return LogitRows(ids, np.tile(np.arange(views), videos), labels, values, list(classes))


def store(path, rows, **metadata):
    write_logits(path, rows, metadata)
    return str(path)


def assert_same(rows, other):
    for name in ("video_ids", "views", "labels", "logits"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(other, name))
    assert rows.classes == other.classes


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
    again = read_logits(store(tmp_path / "a.parquet", replace(rows, weights=weights, constant=constant)))
    np.testing.assert_array_equal(again.weights, weights)
    np.testing.assert_array_equal(again.constant, constant)


def test_the_order_of_writing_does_not_matter(tmp_path):
    rows = make_rows()
    shuffled = module._pick(rows, np.random.default_rng(1).permutation(10))
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
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 5 * 4 * len(CLASSES))  # five rows
    rows = make_rows(videos=9, views=views)
    file = pq.ParquetFile(store(tmp_path / "a.parquet", rows))
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == ([5, 4] if views == 1 else [3] * 9)
    assert_same(rows, read_logits(tmp_path / "a.parquet"))


def test_a_video_of_more_views_than_a_row_group_stays_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 1)
    file = pq.ParquetFile(store(tmp_path / "a.parquet", make_rows(videos=2, views=4)))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 4]


def test_files_are_read_in_step(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 5 * 4 * len(CLASSES))
    teachers = [make_rows(videos=9, seed=seed) for seed in range(3)]
    paths = [store(tmp_path / f"{k}.parquet", rows) for k, rows in enumerate(teachers)]
    pieces = list(read_aligned(paths))
    assert [len(rows.views) for rows, _ in pieces] == [4, 4, 4, 4, 2]
    np.testing.assert_array_equal(
        np.concatenate([p for _, p in pieces], axis=1), [t.logits for t in teachers]
    )
    np.testing.assert_array_equal(
        np.concatenate([rows.video_ids for rows, _ in pieces]), teachers[0].video_ids
    )


def test_a_file_of_other_tools_is_a_teacher_like_any(tmp_path, monkeypatch):
    """Other columns, 64-bit integers, double precision and row groups of other sizes are understood."""
    rows, other = make_rows(videos=9), make_rows(videos=9, seed=1)
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 5 * 4 * len(CLASSES))
    first = store(tmp_path / "first.parquet", rows)
    foreign = {"logits": other.logits.astype(float).tolist(), "label": other.labels, "view": other.views}
    table = pa.table({"note": ["x"] * 18, "video_id": other.video_ids.tolist(), **foreign})
    table = table.replace_schema_metadata({"schema_version": "1", "classes": json.dumps(CLASSES)})
    pq.write_table(table, tmp_path / "foreign.parquet", row_group_size=7)
    read = np.concatenate(
        [logits for _, logits in read_aligned([first, str(tmp_path / "foreign.parquet")])], axis=1
    )
    np.testing.assert_array_equal(read, [rows.logits, other.logits])


def test_memory_does_not_grow_with_the_number_of_teachers(tmp_path):
    classes = [f"c{i}" for i in range(400)]
    paths = [
        store(tmp_path / f"{k}.parquet", make_rows(2000, 1, 0, classes)) for k in range(2)
    ]  # 3.2 MB each

    def peak(count):
        pool = pa.proxy_memory_pool(pa.default_memory_pool())
        before = pa.default_memory_pool()
        pa.set_memory_pool(pool)
        try:
            largest = max(
                logits.nbytes / count for _, logits in read_aligned([paths[k % 2] for k in range(count)])
            )
        finally:
            pa.set_memory_pool(before)
        return pool.max_memory(), largest

    (two, piece), (sixteen, same_piece) = peak(2), peak(16)
    assert piece == same_piece <= module.ROW_GROUP_BYTES
    assert sixteen < 1.2 * two + 2e5  # bytes; what Arrow holds is one row group at a time
    assert sixteen < 3.2e6  # less than one file


def fault(tmp_path, **columns):
    """A file whose second teacher differs from the first in some columns."""
    first = store(tmp_path / "first.parquet", make_rows())
    changed = replace(make_rows(seed=1), **columns)
    return [first, store(tmp_path / "second.parquet", changed)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"classes": ["Jump", "Drink", "Wave"]},
            r"second.parquet: its classes are \['Jump', .* in .*first.parquet",
        ),
        ({"labels": np.full(10, 2)}, "second.parquet: row 0 is .*label 2, but .*label 0 in .*first.parquet"),
        (
            {"views": np.tile([0, 2], 5)},
            "second.parquet: row 1 is .* view 2 .*, but .* view 1 .*first.parquet",
        ),
        (
            {"video_ids": np.array([*make_rows().video_ids[:8], "x", "x"])},
            "second.parquet: row 8 is video 'x' view 0 .*, but video 'Drink_0004' view 0 label 1 in .*first",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused_by_name_and_row(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        list(read_aligned(fault(tmp_path, **columns)))


def test_a_missing_video_is_refused(tmp_path):
    first = store(tmp_path / "first.parquet", make_rows(5))
    second = store(tmp_path / "second.parquet", make_rows(4))
    with pytest.raises(ValueError, match=r"second.parquet: it has 8 rows, but 10 in .*first.parquet"):
        list(read_aligned([first, second]))


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
        (with_row("labels", 2, -1), r"a.parquet: row 2, .* label outside 0 .. 2"),
        (with_row("views", 5, 0), "a.parquet: row 5, video 'Drink_0002' view 0 label 2, is there twice"),
        (
            replace(make_rows(), classes=["a", "b"]),
            r"a.parquet: 10 rows of \['a', 'b'\] with logits \(10, 3\)",
        ),
        (module._pick(make_rows(), np.arange(0)), "a.parquet: no rows"),
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
            write(module._pick(make_rows(), np.arange(10)[::-1]))
    with pytest.raises(ValueError, match=r"a.parquet: row 3, .* not finite"):
        read_logits(path)
    with pytest.raises(ValueError, match=r"a.parquet: row 3, .* not finite"):
        list(read_aligned([store(tmp_path / "c.parquet", make_rows()), path]))
    with pytest.raises(ValueError, match=r"b.parquet: row 1, .* before its place"):
        read_logits(backwards)


def test_an_empty_file_is_refused(tmp_path):
    table = pq.read_table(store(tmp_path / "a.parquet", make_rows()))
    pq.write_table(table.slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match=r"empty.parquet: no logit file"):  # its metadata went with the rows
        read_logits(tmp_path / "empty.parquet")
    text = {"schema_version": "1", "classes": json.dumps(CLASSES)}
    pq.write_table(table.slice(0, 0).replace_schema_metadata(text), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match=r"empty.parquet: no rows"):
        read_logits(tmp_path / "empty.parquet")


def test_a_file_of_something_else_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(
        ValueError, match=r"a.parquet: no logit file: its metadata needs schema_version 1 and classes"
    ):
        read_logits(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="no logit files to read"):
        list(read_aligned([]))


def test_pieces_are_written_in_order_and_whole(tmp_path):
    rows = make_rows()
    with open_writer(tmp_path / "a.parquet", metadata := {"name": "x"}) as write:
        for begin in (0, 4, 8):
            write(module._pick(rows, np.arange(begin, min(begin + 4, 10))))
        metadata["share"] = "0.5"
    assert_same(rows, again := read_logits(tmp_path / "a.parquet"))
    assert again.metadata == {"name": "x", "share": "0.5"}
    for begin in (0, 3):  # back to the start; amid a video
        with pytest.raises(
            ValueError, match=r"b.parquet: a row group begins with video .* whole videos, in order"
        ):
            with open_writer(tmp_path / "b.parquet", {}) as write:
                write(module._pick(rows, np.arange(3)))
                write(module._pick(rows, np.arange(begin, 10)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_failure_leaves_the_former_file_and_no_part(tmp_path):
    path = store(tmp_path / "a.parquet", make_rows())
    with pytest.raises(KeyboardInterrupt), open_writer(path, {}) as write:
        write(make_rows(seed=1))
        raise KeyboardInterrupt
    assert_same(make_rows(), read_logits(path))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_mean_over_views_by_hand():
    rows = replace(
        make_rows(videos=2), logits=np.array([[0, 2, 4], [2, 4, 6], [1, 1, 1], [3, 1, -1]], np.float32)
    )
    videos, logits = mean_over_views(rows, np.stack([rows.logits, -rows.logits]))
    np.testing.assert_array_equal(logits, [[[1, 3, 5], [2, 1, 0]], [[-1, -3, -5], [-2, -1, 0]]])
    np.testing.assert_array_equal(videos.logits, logits[0])
    assert videos.video_ids.tolist() == ["Drink_0000", "Drink_0001"]
    assert (videos.views.tolist(), videos.labels.tolist()) == ([0, 0], [0, 1])


def test_one_view_is_its_own_mean():
    rows = make_rows(views=1)
    stack = rows.logits[None]
    for target in (mean_over_views, keep_views):
        videos, logits = target(rows, stack)
        assert_same(rows, videos)
        np.testing.assert_array_equal(logits, stack)


def run_script(name, monkeypatch, tmp_path, **settings):
    """Run a thin script as the workflow engine does, with what it would be given."""
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # the script puts its log there
    given = SimpleNamespace(log=[str(tmp_path / "log")], **settings)
    runpy.run_path(str(SCRIPTS / f"{name}.py"), init_globals={"snakemake": given})


@pytest.mark.parametrize("target", ["video", "view"])
def test_script_fuse_logits_writes_the_target_of_the_whole(tmp_path, monkeypatch, target):
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 5 * 4 * len(CLASSES))  # several pieces
    teachers = [make_rows(videos=9, seed=seed) for seed in range(3)]
    paths = [store(tmp_path / f"{k}.parquet", rows) for k, rows in enumerate(teachers)]
    fusion = {"method": "pkd", "tau": 8, "h": 0.9, "weight_temperature": 1, "target": target}
    run_script(
        "fuse_logits",
        monkeypatch,
        tmp_path,
        input=SimpleNamespace(logits=paths),
        output=[str(tmp_path / "fused.parquet")],
        params=SimpleNamespace(fusion={**fusion, "teachers": ["a", "b", "c"]}, name="ukd"),
    )
    fused = read_logits(tmp_path / "fused.parquet")
    rows, logits = module.TARGETS[target](teachers[0], np.stack([t.logits for t in teachers]))
    expected, weights, constant = fused_knowledge("pkd", logits, rows.labels, 8, 0.9)
    np.testing.assert_array_equal(fused.video_ids, rows.video_ids)
    np.testing.assert_allclose(np.exp(fused.logits), expected, rtol=1e-5)
    np.testing.assert_allclose(fused.weights, weights, rtol=1e-6)
    np.testing.assert_array_equal(fused.constant, constant)
    wanted = {key: str(value) for key, value in fusion.items()}
    wanted |= {"role": "fusions", "name": "ukd", "teachers": "a,b,c", "clamped_share": "0.0"}
    assert fused.metadata == wanted


def test_script_evaluate_writes_what_the_rule_knows_and_the_metrics(tmp_path, monkeypatch):
    context = {"dataset": "toy", "split": 0, "seed": 1, "role": "teachers", "name": "rgb"}
    run_script(
        "evaluate",
        monkeypatch,
        tmp_path,
        input=SimpleNamespace(logits=store(tmp_path / "a.parquet", make_rows(), checkpoint="1f")),
        output=[str(tmp_path / "metrics.json")],
        params=SimpleNamespace(context=context),
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert context.items() <= metrics.items()
    assert (metrics["n"], metrics["views"], metrics["source"]) == (5, 2, {"checkpoint": "1f"})
    assert not (tmp_path / "metrics.json.part").exists()
