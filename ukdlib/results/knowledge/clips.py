"""
From facts to clips: what the teachers, their fusion and the student say of each clip of one split and seed.

A clip has a row in the facts for each predictor and view (ukdlib.knowledge.facts); here it has one, with the mean of
the probabilities of its views, as metrics have it. Of a teacher that has predicted a training clip twice, out of fold
and in sample, only what it said out of fold is taken: what a network says of a clip that it was trained on is memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ukdlib.settings.config import NO_LABEL


@dataclass(frozen=True)
class Clips:
    """
    N clips, K teachers, C classes; NaN where a predictor has not seen a clip.

    video_ids, subsets, groups (N,) str; labels (N,) int, NO_LABEL without one; teachers (K, N, C), fused (N, C) at the
    fusion's tau and student (N, C) are probabilities; out_of_fold (K, N) bool; weights (K, N) of the fusion.
    """

    video_ids: np.ndarray
    subsets: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    teachers: np.ndarray
    out_of_fold: np.ndarray
    weights: np.ndarray
    fused: np.ndarray
    student: np.ndarray

    def __len__(self) -> int:
        return len(self.video_ids)


def clips_of(facts: pa.Table, about: Mapping[str, Any], split: int, seed: int) -> Clips:
    """
    The clips of one split and seed, by name; facts and about as ukdlib.knowledge.facts reads them.

    Of predictors only those count that `about` names as teachers, fusion and student.
    """
    facts = facts.filter((pc.field("split") == split) & (pc.field("seed") == seed))
    if len(facts) == 0:
        raise ValueError(f"facts: no rows of split {split}, seed {seed}")
    table = facts.drop_columns("logits").to_pandas()
    logits = _matrix(facts["logits"].combine_chunks(), len(about["classes"]))
    ids, first, clip = np.unique(table["video_id"].to_numpy(str), return_index=True, return_inverse=True)
    of_clips = table.iloc[first]

    def said(role: str, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What one predictor says: probabilities (N, C), out of fold or not (N,), weights (N,)."""
        rows = np.flatnonzero((table["role"] == role) & (table["name"] == name))
        return _predictions(table.iloc[rows], clip[rows], _softmax(logits[rows]), len(ids))

    of_teachers = [said("teachers", name) for name in about["teachers"]]
    teachers, out_of_fold, weights = (np.stack(parts) for parts in zip(*of_teachers, strict=True))
    return Clips(
        ids,
        of_clips["subset"].to_numpy(str),
        of_clips["group"].fillna("").to_numpy(str),
        _labels(of_clips["label"], about["classes"]),
        teachers,
        out_of_fold,
        weights,
        said("fusions", about["fusion"])[0],
        said("students", about["student"])[0],
    )


def _labels(column: pd.Series, classes: Sequence[str]) -> np.ndarray:
    labels = column.fillna(NO_LABEL).to_numpy(np.int64)
    if (largest := labels.max(initial=NO_LABEL)) >= len(classes):
        raise ValueError(f"facts: a label is {largest}, but classes are 0 to {len(classes) - 1}")
    return labels


def _matrix(lists: pa.ListArray, classes: int) -> np.ndarray:
    """(R, C) of R lists of logits."""
    if lengths := sorted(set(pc.unique(pc.list_value_length(lists)).to_pylist()) - {classes}):
        raise ValueError(f"facts: a row has {lengths[0]} logits, but there are {classes} classes")
    return lists.flatten().to_numpy().reshape(-1, classes)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf), dtype=np.float64)
    return shifted / shifted.sum(axis=1, keepdims=True)


def _predictions(
    table: pd.DataFrame, clip: np.ndarray, probabilities: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, C), (N,), (N,) of one predictor, means over views; clip: number of the clip of each of its rows."""
    held = table["fold"].notna().to_numpy()
    out_of_fold = np.zeros(count, bool)
    out_of_fold[clip[held]] = True
    used = held == out_of_fold[clip]
    weights = _mean(table["weight"].to_numpy(np.float64)[:, None], clip, count)[:, 0]
    return _mean(probabilities[used], clip[used], count), out_of_fold, weights


def _mean(values: np.ndarray, clip: np.ndarray, count: int) -> np.ndarray:
    """Means (N, D) of the rows (R, D) of each clip; NaN does not count, and is the mean where there is nothing else."""
    known = ~np.isnan(values).any(axis=1)
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, clip[known], values[known])
    with np.errstate(invalid="ignore"):
        return sums / np.bincount(clip[known], minlength=count)[:, None]
