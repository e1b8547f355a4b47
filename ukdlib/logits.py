"""
The Parquet file of logits: its schema, and the only functions that read and write it.

One row per (video_id, view), sorted by both, with columns
  video_id string, view int32, label int32 (class number), logits float32[C]
and, in the file of a fusion, weights float32[K] and constant float32 (see ukdlib.fusion); its logits are the
log of the softened target, so that softmax gives the distribution for teachers, fusions and students alike.
File metadata: schema_version, classes (JSON list of names, in the order of the logits), and free text such as
role, name, tau. No row group cuts a video, so files can be read in step, one row group of each at a time:
memory is about ROW_GROUP_BYTES of logits per teacher, whatever the number of videos.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SCHEMA_VERSION = "1"
ROW_GROUP_BYTES = 1 << 19
OWN_METADATA = {"schema_version", "classes", "ARROW:schema"}


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


def write_logits(path: str | Path, rows: LogitRows, metadata: dict[str, str] | None = None) -> None:
    """Write rows sorted by (video_id, view); metadata is added to rows.metadata. Duplicates are refused."""
    order = np.lexsort((rows.views, rows.video_ids))
    with open_writer(path, {**rows.metadata, **(metadata or {})}) as write:
        write(_pick(rows, order))


@contextlib.contextmanager
def open_writer(path: str | Path, metadata: dict[str, str]) -> Iterator[Callable[[LogitRows], None]]:
    """
    Give a function that appends rows: whole videos, in order. The file appears when the block ends well.

    metadata is stored when the block ends, so the block may still add to it.
    """
    part = Path(f"{path}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    writer: pq.ParquetWriter | None = None
    last: LogitRows | None = None

    def write(rows: LogitRows) -> None:
        nonlocal writer, last
        _check_rows(rows, path)
        _check_continues(last, rows, path)
        table = _table(rows)
        writer = writer or pq.ParquetWriter(part, table.schema, compression="none", use_dictionary=False)
        for begin, end in _row_groups(rows):
            writer.write_table(table.slice(begin, end - begin))
        last = _pick(rows, np.array([-1]))

    try:
        yield write
        if writer is None or last is None:
            raise ValueError(f"{path}: no rows")
        own = {"schema_version": SCHEMA_VERSION, "classes": json.dumps(last.classes)}
        writer.add_key_value_metadata({**metadata, **own})
        writer.close()
        os.replace(part, path)
    finally:
        if writer is not None:
            writer.close()
        part.unlink(missing_ok=True)


def read_logits(path: str | Path) -> LogitRows:
    """All rows of a file, checked, with its metadata less schema_version and classes."""
    source = _Source(path)
    return source.take(source.num_rows)


def read_aligned(paths: list[str]) -> Iterator[tuple[LogitRows, np.ndarray]]:
    """
    Files of K teachers in step: (rows of the first, logits (K, n, C)) for each row group of the first.

    Refused, with file and row: classes or rows other than in the first file or in another order, rows out of
    order or twice, logits that are not finite.
    """
    if not paths:
        raise ValueError("no logit files to read")
    sources = [_Source(path) for path in paths]
    for source in sources[1:]:
        _check_like(sources[0], source)
    last = None
    for size in sources[0].row_group_sizes:
        rows = sources[0].take(size)
        _check_continues(last, rows, paths[0])
        logits = np.empty((len(paths), *rows.logits.shape), np.float32)
        logits[0] = rows.logits
        for k, source in enumerate(sources[1:], start=1):
            start = source.next_row
            other = source.take(size)
            _check_same_rows(rows, other, start, f"{source.path}: ", f" in {paths[0]}")
            logits[k] = other.logits
        yield rows, logits
        last = _pick(rows, np.array([-1]))


def mean_over_views(rows: LogitRows, logits: np.ndarray) -> tuple[LogitRows, np.ndarray]:
    """One row per video, as view 0, with logits averaged over its views: (K, n, C) -> (K, videos, C)."""
    starts = np.flatnonzero(_begins_video(rows.video_ids))
    counts = np.diff([*starts, len(rows.video_ids)])

    def mean(values: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(values.astype(np.float64), starts, axis=-2)
        return (sums / counts[:, None]).astype(np.float32)

    videos = replace(_pick(rows, starts), views=np.zeros(len(starts), int), logits=mean(rows.logits))
    return videos, mean(logits)


def keep_views(rows: LogitRows, logits: np.ndarray) -> tuple[LogitRows, np.ndarray]:
    """One row per view, as they are."""
    return rows, logits


TARGETS = {"video": mean_over_views, "view": keep_views}  # what a row of a fusion stands for


class _Source:
    """A logit file read from its beginning in pieces of any size, holding one row group at a time."""

    def __init__(self, path: str | Path):
        self.path = path
        self.file = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
        footer = self.file.metadata
        text = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}
        if text.get("schema_version") != SCHEMA_VERSION or "classes" not in text:
            wanted = f"schema_version {SCHEMA_VERSION} and classes"
            raise ValueError(f"{path}: no logit file: its metadata needs {wanted}, and has {sorted(text)}")
        self.classes: list[str] = json.loads(text["classes"])
        self.metadata = {key: value for key, value in text.items() if key not in OWN_METADATA}
        self.num_rows: int = footer.num_rows
        self.row_group_sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
        self.next_row = 0
        self._next_group = 0
        self._rest: pa.Table | None = None

    def take(self, size: int) -> LogitRows:
        """The next `size` rows, checked."""
        tables = [] if self._rest is None else [self._rest]
        while sum(table.num_rows for table in tables) < size:
            tables.append(self.file.read_row_group(self._next_group, use_threads=False))
            self._next_group += 1
        if not tables:
            raise ValueError(f"{self.path}: no rows")
        table = pa.concat_tables(tables)
        self._rest = table.slice(size) if table.num_rows > size else None
        rows = self._rows(table.slice(0, size))
        _check_rows(rows, self.path, self.next_row)
        self.next_row += size
        return rows

    def _rows(self, table: pa.Table) -> LogitRows:
        stored = set(table.column_names)
        return LogitRows(
            video_ids=table["video_id"].to_numpy().astype(str),
            views=table["view"].to_numpy().astype(int),
            labels=table["label"].to_numpy().astype(int),
            logits=_matrix(table["logits"], self.path),
            classes=self.classes,
            metadata=self.metadata,
            weights=_matrix(table["weights"], self.path) if "weights" in stored else None,
            constant=table["constant"].to_numpy() if "constant" in stored else None,
        )


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
    return pa.table(columns)


def _lists(matrix: np.ndarray) -> pa.Array:
    """(N, width) as float32 lists of one fixed size."""
    values = np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(values), matrix.shape[1])


def _matrix(column: pa.ChunkedArray, path: str | Path) -> np.ndarray:
    """A column of lists of one length as float32 (N, length)."""
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or None in lengths:
        raise ValueError(f"{path}: rows hold {lengths} numbers; expected the same number in each")
    return pc.list_flatten(column).to_numpy().reshape(-1, lengths[0]).astype(np.float32, copy=False)


def _pick(rows: LogitRows, index: np.ndarray) -> LogitRows:
    """Some of the rows."""
    return replace(
        rows,
        video_ids=rows.video_ids[index],
        views=rows.views[index],
        labels=rows.labels[index],
        logits=rows.logits[index],
        weights=None if rows.weights is None else rows.weights[index],
        constant=None if rows.constant is None else rows.constant[index],
    )


def _begins_video(video_ids: np.ndarray) -> np.ndarray:
    """True for the first row of each video, (N,)."""
    return np.concatenate([[True], video_ids[1:] != video_ids[:-1]])


def _row_groups(rows: LogitRows) -> Iterator[tuple[int, int]]:
    """Ranges of rows of about ROW_GROUP_BYTES of logits that end where a video ends."""
    most = max(1, ROW_GROUP_BYTES // (4 * len(rows.classes)))
    ends = [*np.flatnonzero(_begins_video(rows.video_ids))[1:], len(rows.video_ids)]
    begin = 0
    for end, after in zip(ends, [*ends[1:], np.inf], strict=True):
        if after - begin > most:
            yield begin, end
            begin = end


def _check_rows(rows: LogitRows, path: str | Path, first_row: int = 0) -> None:
    """Refuse rows that are none, out of order, twice there, of an unknown class, or not finite."""
    if len(rows.video_ids) == 0:
        raise ValueError(f"{path}: no rows")
    if rows.logits.shape != (len(rows.video_ids), len(rows.classes)):
        raise ValueError(
            f"{path}: {len(rows.video_ids)} rows of {rows.classes} with logits {rows.logits.shape}"
        )
    ids, views = rows.video_ids, rows.views
    later = (ids[1:] > ids[:-1]) | ((ids[1:] == ids[:-1]) & (views[1:] > views[:-1]))
    outside = (rows.labels < 0) | (rows.labels >= len(rows.classes))
    bad = {
        "is there twice, or before its place in the order of video_id and view": ~np.append(True, later),
        f"has a label outside 0 .. {len(rows.classes) - 1}": outside,
        "has logits that are not finite": ~np.isfinite(rows.logits).all(axis=1),
    }
    for problem, rows_at_fault in bad.items():
        for row in np.flatnonzero(rows_at_fault)[:1]:
            raise ValueError(f"{path}: row {first_row + row}, {_name(rows, row)}, {problem}")


def _check_continues(last: LogitRows | None, rows: LogitRows, path: str | Path) -> None:
    """Refuse a row group that does not come after the row `last`, or cuts its video."""
    if last is not None and (rows.classes != last.classes or rows.video_ids[0] <= last.video_ids[0]):
        raise ValueError(
            f"{path}: a row group begins with {_name(rows, 0)} after {_name(last, 0)}; "
            "row groups hold whole videos, in order, of the same classes"
        )


def _check_like(first: _Source, other: _Source) -> None:
    """Refuse a file whose classes or number of rows are not those of the first."""
    if other.classes != first.classes:
        raise ValueError(
            f"{other.path}: its classes are {other.classes}, but {first.classes} in {first.path}"
        )
    if other.num_rows != first.num_rows:
        raise ValueError(f"{other.path}: it has {other.num_rows} rows, but {first.num_rows} in {first.path}")


def _check_same_rows(rows: LogitRows, other: LogitRows, first_row: int, before: str, after: str) -> None:
    """Refuse other rows than those of the first file, naming the first that differs."""
    pairs = [(rows.video_ids, other.video_ids), (rows.views, other.views), (rows.labels, other.labels)]
    differs = np.any([mine != theirs for mine, theirs in pairs], axis=0)
    for row in np.flatnonzero(differs)[:1]:
        raise ValueError(
            f"{before}row {first_row + row} is {_name(other, row)}, but {_name(rows, row)}{after}"
        )


def _name(rows: LogitRows, row: int) -> str:
    return f"video {str(rows.video_ids[row])!r} view {rows.views[row]} label {rows.labels[row]}"
