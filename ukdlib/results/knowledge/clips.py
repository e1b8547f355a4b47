"""
From facts to clips: what the teachers, their fusion and the student say of each clip of one split and seed.

A clip has a row in the facts for each predictor and view (ukdlib.knowledge.facts); here it has one, with the mean of
the probabilities of its views, as metrics have it. Of a teacher that has predicted a training clip twice, out of fold
and in sample, only what it said out of fold is taken: what a network says of a clip that it was trained on is memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ukdlib.settings.config import NO_LABEL

COLUMNS = "split seed video_id subset group label role name view fold weight logits".split()


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


def clips_of(
    facts: pd.DataFrame, teachers: Sequence[str], fusion: str, student: str, classes: Sequence[str]
) -> Clips:
    """The clips in facts of one split and seed, by name; other predictors than these are left out."""
    _check(facts, len(classes))
    ids, first, rows = np.unique(facts["video_id"], return_index=True, return_inverse=True)
    about = facts.iloc[first]
    labels = about["label"].astype("Int64").fillna(NO_LABEL).to_numpy(np.int64)
    if (worst := labels.max(initial=NO_LABEL)) >= len(classes):
        raise ValueError(f"facts: a label is {worst}, but classes are 0 to {len(classes) - 1}")
    size = (len(ids), len(classes))

    def said(role: str, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities, out of fold or not, and weights of one predictor."""
        chosen = ((facts["role"] == role) & (facts["name"] == name)).to_numpy()
        return _predictions(facts[chosen], rows[chosen], size)

    of_teachers = [said("teachers", name) for name in teachers]
    if not of_teachers:
        raise ValueError("facts: no teachers are named")
    probabilities, out_of_fold, weights = (np.stack(parts) for parts in zip(*of_teachers, strict=True))
    names, subsets, groups = (about[key].fillna("").to_numpy(str) for key in ("video_id", "subset", "group"))
    return Clips(
        names,
        subsets,
        groups,
        labels,
        probabilities,
        out_of_fold,
        weights,
        said("fusions", fusion)[0],
        said("students", student)[0],
    )


def _check(facts: pd.DataFrame, classes: int) -> None:
    if missing := [name for name in COLUMNS if name not in facts]:
        raise ValueError(f"facts: columns {', '.join(missing)} are missing")
    if len(facts) == 0:
        raise ValueError("facts: no rows")
    if len(runs := facts[["split", "seed"]].drop_duplicates()) > 1:
        raise ValueError(f"facts: of {len(runs)} runs (split, seed); a page shows one")
    if lengths := sorted(set(facts["logits"].map(len)) - {classes}):
        raise ValueError(f"facts: rows have {lengths[0]} logits, but there are {classes} classes")


def _predictions(
    facts: pd.DataFrame, rows: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, C), (N,), (N,) of one predictor, means over views; rows: number of the clip of each row of its facts."""
    held = facts["fold"].notna().to_numpy()
    out_of_fold = np.zeros(size[0], bool)
    out_of_fold[rows[held]] = True
    weights = _mean(facts["weight"].to_numpy(np.float64)[:, None], rows, (size[0], 1))[:, 0]
    used = held == out_of_fold[rows]
    if not used.any():
        return np.full(size, np.nan), out_of_fold, weights
    logits = np.stack(facts["logits"].to_numpy()[used]).astype(np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return _mean(shifted / shifted.sum(axis=1, keepdims=True), rows[used], size), out_of_fold, weights


def _mean(values: np.ndarray, rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Of values (R, D) that belong to the same of N rows; NaN is not counted, and NaN where there is none."""
    known = ~np.isnan(values).any(axis=1)
    sums = np.zeros(size)
    np.add.at(sums, rows[known], values[known])
    with np.errstate(invalid="ignore"):
        return sums / np.bincount(rows[known], minlength=size[0])[:, None]
