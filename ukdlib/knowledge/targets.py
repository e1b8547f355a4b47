"""Stored knowledge for a student: a fusion's targets by video and view."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ukdlib.knowledge.logits import read_logits
from ukdlib.learning.training import Knowledge


def read_knowledge(
    path: str,
    video_ids: Sequence[str],
    classes: Sequence[str],
    fusion: dict[str, Any],
    student: dict[str, Any],
) -> Knowledge:
    """The stored targets of a fusion {tau, target} for some videos; student: {alpha, kl_reduction}."""
    rows = read_logits(path, with_weights=False)  # a column for each teacher: the student needs none
    if rows.classes != list(classes):
        raise ValueError(f"{path}: its classes are {rows.classes}, not {list(classes)}")
    stated = rows.metadata.get("tau"), rows.metadata.get("target")
    if stated[0] is None or float(stated[0]) != float(fusion["tau"]) or stated[1] != fusion["target"]:
        raise ValueError(
            f"{path}: made with (tau, target) {stated}, not ({fusion['tau']}, {fusion['target']!r})"
        )
    views = 1 + int(rows.views.max())
    place = {
        (video, view): row for row, (video, view) in enumerate(zip(rows.video_ids, rows.views, strict=True))
    }
    try:
        order = np.array([[place[video_id, view] for view in range(views)] for video_id in video_ids])
    except KeyError as error:
        raise ValueError(f"{path}: no target for (video, view) {error}") from None
    constant = np.zeros(len(rows.views), np.float32) if rows.constant is None else rows.constant
    target = np.exp(rows.logits - np.logaddexp.reduce(rows.logits, axis=1, keepdims=True))
    replay = views if fusion["target"] == "view" else 0
    return Knowledge(
        target[order], constant[order], fusion["tau"], student["alpha"], student["kl_reduction"], replay
    )
