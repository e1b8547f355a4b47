"""Stored knowledge for a student: a fusion's targets by video and view."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ukdlib.knowledge.logits import name_row, read_logits
from ukdlib.learning.training import Knowledge


def read_knowledge(
    paths: Sequence[str],
    video_ids: Sequence[str],
    classes: Sequence[str],
    fusion: dict[str, Any],
    student: dict[str, Any],
) -> Knowledge:
    """
    The stored targets of a fusion {tau, target} for some videos, of which each file has some.

    student: {alpha, kl_reduction, unlabelled}.
    """
    parts = [_read_targets(path, classes, fusion) for path in paths]
    views = {path: part.shape[1] for path, (_, part, _) in zip(paths, parts, strict=True)}
    if len(set(views.values())) > 1:
        raise ValueError(f"different numbers of targets of a video: {views}")
    place = {
        video_id: row
        for row, video_id in enumerate(np.concatenate([names for names, _, _ in parts]).tolist())
    }
    try:
        order = np.array([place[video_id] for video_id in video_ids])
    except KeyError as error:
        raise ValueError(f"{', '.join(paths)}: no target for the video {error}") from None
    target, constant = (np.concatenate([part[k] for part in parts])[order] for k in (1, 2))
    replay = target.shape[1] if fusion["target"] == "view" else 0
    return Knowledge(target, constant, fusion["tau"], replay=replay, **student)


def _read_targets(
    path: str, classes: Sequence[str], fusion: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(video_ids (M,), targets (M, V, C), constants (M, V)) of a file, which must be of these classes and fusion."""
    rows = read_logits(path, with_weights=False)  # a column for each teacher: the student needs none
    if rows.classes != list(classes):
        raise ValueError(f"{path}: its classes are {rows.classes}, not {list(classes)}")
    stated = rows.metadata.get("tau"), rows.metadata.get("target")
    if stated[0] is None or float(stated[0]) != float(fusion["tau"]) or stated[1] != fusion["target"]:
        raise ValueError(
            f"{path}: made with (tau, target) {stated}, not ({fusion['tau']}, {fusion['target']!r})"
        )
    views = 1 + int(rows.views.max())
    wanted = np.arange(len(rows)) % views  # rows are sorted by video and view, and none is twice
    for row in np.flatnonzero(rows.views != wanted)[:1]:
        raise ValueError(
            f"{path}: {name_row(rows, row)} follows where view {wanted[row]} of {views} is expected"
        )
    constant = np.zeros(len(rows.views), np.float32) if rows.constant is None else rows.constant
    target = np.exp(rows.logits - np.logaddexp.reduce(rows.logits, axis=1, keepdims=True))
    return rows.video_ids[::views], target.reshape(-1, views, target.shape[1]), constant.reshape(-1, views)
