"""
The Parquet file of logits: its schema, and the only functions that read and write it.

One row per (video_id, view), sorted by both, with columns
  video_id string, view int32, label int32 (class number, -1 if it has none), logits float32[C]
and, in the file of a fusion, weights float32[K] and constant float32 (see ukdlib.knowledge.fusion); its logits are the
log of the softened target, so that softmax gives the distribution for teachers, fusions and students alike.
Out-of-fold files have fold int32, the network that a row comes from (see ukdlib.videos.crossfit).
File metadata: schema_version, classes (JSON list of names, in the order of the logits), and free text such as
role, name, tau. No row group splits a video, so files can be read in parallel, a row group of about ROW_GROUP rows
at a time, whatever the number of videos (ukdlib.knowledge.alignment).
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ukdlib.artifacts.sealing import checksum, damaged, put_in_place, refuse_damage
from ukdlib.settings.config import NO_LABEL

SCHEMA_VERSION = "1"
ROW_GROUP = 2048  # rows that are read, fused and written at once
OWN_METADATA = {"schema_version", "classes", "checksum", "ARROW:schema"}
LAYOUT = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "data_page_size": 1 << 16,
    "write_page_checksum": True,
}
UNREADABLE = (pa.ArrowException, OSError, KeyError, UnicodeDecodeError)  # what a damaged file may raise
KEYS = ["video_id", "view", "label"]  # columns that identify a row


@dataclass(frozen=True)
class LogitRows:
    """N rows: video_ids (N,) str, views and labels (N,) int, logits (N, C) float32, classes C names."""

    video_ids: np.ndarray
    views: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    classes: list[str]
    metadata: dict[str, str] = field(default_factory=dict)
    weights: np.ndarray | None = None  # (N, K), of a fusion
    constant: np.ndarray | None = None  # (N,), of a fusion
    folds: np.ndarray | None = None  # (N,) int, of out-of-fold logits

    def __len__(self) -> int:
        return len(self.video_ids)

    def pick(self, index: np.ndarray) -> "LogitRows":
        """Some of the rows, in the order of index."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v[index] for k, v in arrays.items() if isinstance(v, np.ndarray)})


def write_logits(path: str | Path, rows: LogitRows, metadata: dict[str, str] | None = None) -> None:
    """Write rows sorted by (video_id, view); metadata is added to rows.metadata. Duplicates are refused."""
    order = np.lexsort((rows.views, rows.video_ids))
    with open_writer(path, {**rows.metadata, **(metadata or {})}) as write:
        write(rows.pick(order))


@contextlib.contextmanager
def open_writer(path: str | Path, metadata: dict[str, str]) -> Iterator[Callable[[LogitRows], None]]:
    """
    Yield a function that appends rows: whole videos, in order. The file appears when the block succeeds.

    metadata is stored when the block ends, so the block may still add to it.
    """
    part = Path(f"{path}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    writer: pq.ParquetWriter | None = None
    last: LogitRows | None = None

    def write(rows: LogitRows) -> None:
        """Check the next rows and write them, in groups of whole videos."""
        nonlocal writer, last
        _check_rows(rows, path)
        check_continues(last, rows, path)
        table = _table(rows)
        writer = writer or pq.ParquetWriter(part, table.schema, **LAYOUT)
        for begin, end in row_groups(rows.video_ids):
            writer.write_table(table.slice(begin, end - begin))
        last = rows.pick(np.array([-1]))

    try:
        yield write
        if writer is None or last is None:
            raise ValueError(f"{path}: no rows")
        own = {"schema_version": SCHEMA_VERSION, "classes": json.dumps(last.classes)}
        stated = {**metadata, **own}
        writer.add_key_value_metadata({**stated, "checksum": _checksum(stated)})
        writer.close()
        put_in_place(part, path)
    finally:
        if writer is not None:
            writer.close()
        part.unlink(missing_ok=True)


def read_logits(path: str | Path, with_weights: bool = True) -> LogitRows:
    """All rows of a file, checked, with its metadata without schema_version and classes."""
    file = LogitFile(path)
    return file.rows(0, file.num_rows, with_weights)


def check_origin(path: str | Path, stated: dict[str, str], expected: dict[str, str]) -> None:
    """Refuse a file whose metadata do not state the expected origin: another checkpoint, other frames."""
    for key, value in expected.items():
        if stated.get(key) != value:
            raise ValueError(
                f"{path}: it was made with {key} {stated.get(key)!r}, but the current one is {value!r}"
            )


class LogitFile:
    """
    A logit file of which any range of rows can be read, row group by row group.

    keep_open: hold the footer, about 0.8 MB per million rows, instead of reading it again on each access.
    """

    def __init__(self, path: str | Path, keep_open: bool = True):
        self.path = path
        file = _open(path)
        self._file = file if keep_open else None
        footer = file.metadata
        with refuse_damage(path, UnicodeDecodeError):
            text = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}
            self.schema_names: list[str] = file.schema_arrow.names
        if text.get("schema_version") != SCHEMA_VERSION or "classes" not in text:
            wanted = f"schema_version {SCHEMA_VERSION} and classes"
            raise ValueError(f"{path}: not a logit file: its metadata needs {wanted}, and has {sorted(text)}")
        stated = {key: value for key, value in text.items() if key not in ("checksum", "ARROW:schema")}
        if text.get("checksum", own := _checksum(stated)) != own:  # other tools may omit it
            raise damaged(path, "its metadata are not what was written")
        self.classes: list[str] = json.loads(text["classes"])
        self.metadata = {key: value for key, value in text.items() if key not in OWN_METADATA}
        sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.num_rows: int = footer.num_rows
        if self.num_rows == 0:
            raise ValueError(f"{path}: no rows")
        if missing := sorted({*KEYS, "logits"} - set(self.schema_names)):
            raise damaged(path, f"it has no column {', '.join(missing)}")

    def table(self, begin: int, end: int, columns: list[str] | None = None) -> pa.Table:
        """Rows begin .. end - 1 as stored, some columns or all."""
        groups = range(
            int(np.searchsorted(self.starts, begin, side="right")) - 1,
            int(np.searchsorted(self.starts, end, side="left")),
        )
        with refuse_damage(self.path, *UNREADABLE):
            file = self._file or _open(self.path)
            table = file.read_row_groups(groups, columns=columns, use_threads=False)
        return table.slice(begin - self.starts[groups.start], end - begin)

    def logits(self, begin: int, end: int) -> np.ndarray:
        """Logits float32 (end - begin, C) of some rows; refused if not finite."""
        logits = _matrix(self.table(begin, end, ["logits"])["logits"], self.path)
        if not np.isfinite(logits).all():
            self.rows(begin, end)  # names the row
        return logits

    def rows(self, begin: int, end: int, with_weights: bool = True) -> LogitRows:
        """Rows begin .. end - 1, checked."""
        stored = [name for name in self.schema_names if with_weights or name != "weights"]
        table = self.table(begin, end, stored)
        with refuse_damage(self.path, *UNREADABLE):
            rows = LogitRows(
                video_ids=table["video_id"].to_numpy().astype(str),
                views=table["view"].to_numpy().astype(int),
                labels=table["label"].to_numpy().astype(int),
                logits=_matrix(table["logits"], self.path),
                classes=self.classes,
                metadata=self.metadata,
                weights=_matrix(table["weights"], self.path) if "weights" in stored else None,
                constant=table["constant"].to_numpy() if "constant" in stored else None,
                folds=table["fold"].to_numpy().astype(int) if "fold" in stored else None,
            )
        _check_rows(rows, self.path, begin)
        return rows


def _open(path: str | Path) -> pq.ParquetFile:
    with refuse_damage(path, *UNREADABLE):
        return pq.ParquetFile(path, memory_map=False, pre_buffer=False, page_checksum_verification=True)


def _checksum(metadata: dict[str, str]) -> str:
    return str(checksum([json.dumps(metadata, sort_keys=True).encode()]))


def _table(rows: LogitRows) -> pa.Table:
    """Rows as they are stored."""
    columns = {
        "video_id": pa.array(rows.video_ids.tolist(), pa.string()),
        "view": pa.array(rows.views, pa.int32()),
        "label": pa.array(rows.labels, pa.int32()),
        "logits": _lists(rows.logits),
    }
    if rows.weights is not None:
        columns["weights"] = _lists(rows.weights)
    if rows.constant is not None:
        columns["constant"] = pa.array(rows.constant.astype(np.float32))
    if rows.folds is not None:
        columns["fold"] = pa.array(rows.folds, pa.int32())
    return pa.table(columns)


def _lists(matrix: np.ndarray) -> pa.Array:
    """(N, width) as float32 lists of one fixed size."""
    values = np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(values), matrix.shape[1])


def _matrix(column: pa.ChunkedArray, path: str | Path) -> np.ndarray:
    """A column of lists of one length as float32 (N, length)."""
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or None in lengths:
        raise ValueError(f"{path}: rows have {lengths} numbers; expected the same number in each")
    return pc.list_flatten(column).to_numpy().reshape(-1, lengths[0]).astype(np.float32, copy=False)


def begins_video(video_ids: np.ndarray) -> np.ndarray:
    """True for the first row of each video, (N,)."""
    return np.concatenate([[True], video_ids[1:] != video_ids[:-1]])


def row_groups(video_ids: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of about ROW_GROUP rows that end where a video ends; video_ids: (N,), of each row."""
    ends = [*np.flatnonzero(begins_video(video_ids))[1:], len(video_ids)]
    begin = 0
    for end, after in zip(ends, [*ends[1:], np.inf], strict=True):
        if after - begin > ROW_GROUP:
            yield begin, end
            begin = end


def _check_rows(rows: LogitRows, path: str | Path, first_row: int = 0) -> None:
    """Refuse no rows, unsorted or duplicate rows, unknown classes, and logits that are not finite."""
    if len(rows.video_ids) == 0:
        raise ValueError(f"{path}: no rows")
    if rows.logits.shape != (len(rows.video_ids), len(rows.classes)):
        raise ValueError(
            f"{path}: {len(rows.video_ids)} rows of {rows.classes} with logits {rows.logits.shape}"
        )
    ids, views = rows.video_ids, rows.views
    later = (ids[1:] > ids[:-1]) | ((ids[1:] == ids[:-1]) & (views[1:] > views[:-1]))
    outside = (rows.labels < NO_LABEL) | (rows.labels >= len(rows.classes))
    bad = {
        "is a duplicate, or not sorted by video_id and view": ~np.append(True, later),
        f"has a label outside 0 .. {len(rows.classes) - 1}, and not {NO_LABEL} for none": outside,
        "has logits that are not finite": ~np.isfinite(rows.logits).all(axis=1),
    }
    for problem, rows_at_fault in bad.items():
        for row in np.flatnonzero(rows_at_fault)[:1]:
            raise ValueError(f"{path}: row {first_row + row}, {name_row(rows, row)}, {problem}")


def check_continues(last: LogitRows | None, rows: LogitRows, path: str | Path) -> None:
    """Refuse a row group that does not come after the row `last`, or splits its video."""
    if last is not None and (rows.classes != last.classes or rows.video_ids[0] <= last.video_ids[0]):
        raise ValueError(
            f"{path}: a row group begins with {name_row(rows, 0)} after {name_row(last, 0)}; "
            "row groups hold whole videos, in order, of the same classes"
        )


def name_row(rows: LogitRows, row: int) -> str:
    """A row's name in error messages."""
    return f"video {str(rows.video_ids[row])!r} view {rows.views[row]} label {rows.labels[row]}"
