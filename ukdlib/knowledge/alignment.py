"""
Logit files of K teachers, read in parallel: the same rows of each, one teacher's row group in memory at a time.

A caller that needs a teacher's logits twice reads them twice: memory is that of one row group, whatever K is.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ukdlib.knowledge.logits import KEYS, LogitFile, LogitRows, begins_video, check_continues, name_row

# files whose footers are cached; those of further teachers are read on each access, or memory would grow with K
MOST_OPEN = 4

Reduce = Callable[[np.ndarray], np.ndarray]


class TeacherStack(Sequence[np.ndarray]):
    """The logits (n, C) of K teachers for the same rows, read from their files on each access."""

    def __init__(self, files: Sequence[LogitFile], begin: int, end: int, reduce: Reduce = np.asarray):
        self.files, self.begin, self.end, self.reduce = files, begin, end, reduce

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, k):
        return self.reduce(self.files[k].logits(self.begin, self.end))


def unknown_sources(paths: Sequence[str]) -> list[str]:
    """Weights and logits behind some files of which nobody knows what they were trained on (ukdlib.learning.seen)."""
    stated = (json.loads(LogitFile(path).metadata.get("unknown", "[]")) for path in paths)
    return sorted({source for sources in stated for source in sources})


def stating_unknown(metadata: dict[str, str], sources: Sequence[str]) -> dict[str, str]:
    """Metadata of a file with such sources; unchanged if there are none."""
    return {**metadata, "unknown": json.dumps(list(sources))} if sources else metadata


def read_aligned(paths: Sequence[str], target: str = "view") -> Iterator[tuple[LogitRows, TeacherStack]]:
    """
    Files of K teachers in parallel: (rows of the first, K times logits (n, C)) for each row group of the first.

    target: a key of TARGETS, what a row represents. Refused, with file, row and difference: classes or rows
    other than in the first file or in another order, unsorted or duplicate rows, logits that are not finite.
    """
    if not paths:
        raise ValueError("no logit files to read")
    if target not in TARGETS:
        raise ValueError(f"unknown target {target!r}; known: {sorted(TARGETS)}")
    files = [LogitFile(path, keep_open=k < MOST_OPEN) for k, path in enumerate(paths)]
    for file in files[1:]:
        _check_like(files[0], file)
    last = None
    for begin, end in zip(files[0].starts[:-1], files[0].starts[1:], strict=True):
        rows = files[0].rows(begin, end, with_weights=False)
        check_continues(last, rows, paths[0])
        for file in files[1:]:
            _check_same_rows(files[0], file, begin, end)
        last = rows.pick(np.array([-1]))
        rows, reduce = TARGETS[target](rows)
        yield rows, TeacherStack(files, begin, end, reduce)


def mean_over_views(rows: LogitRows) -> tuple[LogitRows, Reduce]:
    """One row per video, as view 0; logits (n, C) become their mean over a video's views (videos, C)."""
    starts = np.flatnonzero(begins_video(rows.video_ids))
    counts = np.diff([*starts, len(rows)])[:, None]

    def mean(logits: np.ndarray) -> np.ndarray:
        """Logits (n, C) as their mean over views (videos, C)."""
        return (np.add.reduceat(logits, starts, axis=0, dtype=np.float64) / counts).astype(np.float32)

    videos = rows.pick(starts)
    return replace(videos, views=np.zeros(len(starts), int), logits=mean(rows.logits)), mean


def keep_views(rows: LogitRows) -> tuple[LogitRows, Reduce]:
    """One row per view, as they are."""
    return rows, np.asarray


TARGETS = {"video": mean_over_views, "view": keep_views}  # what a row of a fusion represents


def _check_like(first: LogitFile, other: LogitFile) -> None:
    """Refuse a file whose classes or number of rows are not those of the first."""
    if other.classes != first.classes:
        raise ValueError(f"{other.path}: {_other_classes(other.classes, first.classes)} in {first.path}")
    if other.num_rows != first.num_rows:
        raise ValueError(
            f"{other.path}: it has {other.num_rows} rows, but {first.num_rows} in {first.path}; "
            f"the first difference: {_first_difference(first, other)}"
        )


def _other_classes(own: list[str], wanted: list[str]) -> str:
    if sorted(own) == sorted(wanted):
        return f"its classes {own} are in another order than {wanted}"
    return f"its classes are {own}, but {wanted}"


def _first_difference(first: LogitFile, other: LogitFile) -> str:
    """The first row in which two files of different length differ."""
    end = min(first.num_rows, other.num_rows)
    rows, others = (file.rows(0, file.num_rows, with_weights=False) for file in (first, other))
    differs = np.flatnonzero(_differs(rows.pick(np.arange(end)), others.pick(np.arange(end))))
    row = int(differs[0]) if len(differs) else end
    mine, theirs = (name_row(r, row) if row < len(r) else "no row" for r in (rows, others))
    return f"row {row} is {theirs}, but {mine} there"


def _check_same_rows(first: LogitFile, other: LogitFile, begin: int, end: int) -> None:
    """Refuse other rows than those of the first file, naming the first that differs."""
    if first.table(begin, end, KEYS).equals(other.table(begin, end, KEYS)):
        return
    rows, others = (file.rows(begin, end, with_weights=False) for file in (first, other))
    for row in np.flatnonzero(_differs(rows, others))[:1]:
        raise ValueError(
            f"{other.path}: row {begin + row} is {name_row(others, row)}, "
            f"but {name_row(rows, row)} in {first.path}"
        )


def _differs(rows: LogitRows, others: LogitRows) -> np.ndarray:
    """True (n,) where two equally long sets of rows differ in video, view or label."""
    pairs = ((getattr(rows, k), getattr(others, k)) for k in ("video_ids", "views", "labels"))
    return np.any([mine != theirs for mine, theirs in pairs], axis=0)
