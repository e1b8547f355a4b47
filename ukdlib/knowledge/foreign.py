"""
An external teacher: a Parquet file of logits from any framework, checked before it is used.

Columns: video_id (the file's name without suffix); view (int, optional: without it a row is used for every view
of its video); label (class number, optional, checked); and the logits, either one number column per class, named
as the class, or a list column `logits` with the file metadata `classes` (JSON list of names, in its order).
Rows of videos that are not requested are skipped; each requested row must be present exactly once.
"""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ukdlib.knowledge.logits import LogitRows
from ukdlib.settings.config import NO_LABEL


def read_foreign(path: str, labels: dict[str, int], classes: Sequence[str], views: int) -> LogitRows:
    """
    Rows of the videos `labels` (video_id -> class number) for views 0 .. views - 1, sorted.

    Raises ValueError naming file, row and difference: other classes or another order of them, missing or
    repeated (video, view), a label that contradicts ours, logits that are not finite, the same for all videos, or
    probabilities.
    """
    table = pq.read_table(path)
    if "video_id" not in table.column_names:
        raise ValueError(f"{path}: no column 'video_id'; columns are {table.column_names}")
    logits = _logits(path, table, list(classes))
    video_ids = np.array([str(video_id) for video_id in table["video_id"].to_pylist()])
    numbers = table["view"].to_numpy() if "view" in table.column_names else None
    place = _places(path, video_ids, numbers)
    if "label" in table.column_names:
        _check_labels(path, video_ids, table["label"].to_numpy(), labels)
    if not labels:
        raise ValueError(f"{path}: no videos were requested")
    wanted = [(video_id, view) for video_id in sorted(labels) for view in range(views)]
    rows = np.array([_find(path, place, video_id, view, numbers is None) for video_id, view in wanted])
    for row in rows[~np.isfinite(logits[rows]).all(axis=1)][:1]:
        raise ValueError(f"{path}: row {row}, video {str(video_ids[row])!r}, has logits that are not finite")
    _check_values(path, logits[rows[::views]])
    return LogitRows(
        video_ids=np.array([video_id for video_id, _ in wanted]),
        views=np.array([view for _, view in wanted]),
        labels=np.array([labels[video_id] for video_id, _ in wanted]),
        logits=logits[rows],
        classes=list(classes),
    )


def _logits(path: str, table: pa.Table, classes: list[str]) -> np.ndarray:
    """(rows, C) float32 in the order of `classes`."""
    if "logits" not in table.column_names:
        if missing := [name for name in classes if name not in table.column_names]:
            raise ValueError(
                f"{path}: no column 'logits', and none for the classes {missing}; columns are {table.column_names}"
            )
        if textual := [name for name in classes if not pa.types.is_floating(table[name].type)]:
            raise ValueError(f"{path}: the columns {textual} are not floating-point numbers")
        return _as_float32(np.stack([table[name].to_numpy() for name in classes], axis=1))
    text = (table.schema.metadata or {}).get(b"classes", b"null").decode()
    try:
        stated = json.loads(text)
    except json.JSONDecodeError:
        stated = text
    if stated != classes:
        order = " in another order" if isinstance(stated, list) and sorted(stated) == sorted(classes) else ""
        raise ValueError(f"{path}: its metadata `classes` is {stated}; needed{order}: {classes}")
    listed = table["logits"].to_pylist()
    for row, numbers in enumerate(listed):
        count = None if numbers is None else len(numbers)
        if count != len(classes):
            raise ValueError(f"{path}: row {row} has {count} logits, but there are {len(classes)} classes")
    return _as_float32(listed)


def _check_values(path: str, logits: np.ndarray) -> None:
    """Numbers that no network gives for several videos: the same for all, or probabilities."""
    if len(logits) > 1 and (logits == logits[0]).all():
        raise ValueError(f"{path}: all rows hold the same numbers, {logits[0][:3].tolist()} and so on")
    if (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"{path}: its rows are probabilities: none is below 0 and each sums to 1; store logits, or log(p)"
        )


def _as_float32(numbers: Sequence | np.ndarray) -> np.ndarray:
    """Rows of numbers; values beyond float32 become infinite, which is refused later."""
    with np.errstate(over="ignore"):
        return np.array(numbers, dtype=np.float32)


def _places(path: str, video_ids: np.ndarray, views: np.ndarray | None) -> dict[tuple[str, int], int]:
    """(video, view) -> row; a file without views has view 0."""
    numbers = np.zeros(len(video_ids), int) if views is None else views
    place: dict[tuple[str, int], int] = {}
    for row, key in enumerate(zip(video_ids.tolist(), numbers.tolist(), strict=True)):
        if key in place:
            raise ValueError(
                f"{path}: row {row}, video {key[0]!r} view {key[1]}, is a duplicate of row {place[key]}"
            )
        place[key] = row
    return place


def _find(path: str, place: dict[tuple[str, int], int], video_id: str, view: int, any_view: bool) -> int:
    key = (video_id, 0 if any_view else view)
    if key not in place:
        there = sorted(number for name, number in place if name == video_id)
        raise ValueError(
            f"{path}: no row for video {video_id!r} view {view}; views of this video there: {there}"
        )
    return place[key]


def _check_labels(path: str, video_ids: np.ndarray, stated: np.ndarray, labels: dict[str, int]) -> None:
    """Labels in the file must be those of our lists."""
    for row, (video_id, label) in enumerate(zip(video_ids.tolist(), stated.tolist(), strict=True)):
        if labels.get(video_id, label) not in (label, NO_LABEL):
            raise ValueError(
                f"{path}: row {row}, video {video_id!r}, has label {label}, but the lists have {labels[video_id]}"
            )
