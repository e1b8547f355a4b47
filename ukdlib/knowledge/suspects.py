"""
Which labels are probably wrong, by confident learning (Northcutt, Jiang and Chuang, JAIR 2021), on arrays.

N clips, C classes. Only predictions of networks that were not trained on a clip can tell: one that was has learnt the
wrong label as well. A class j has as threshold the mean probability of j over the clips labelled j. A clip counts
as one of the class that is the most probable among those whose probability reaches their threshold; if that is not its
label, it counts as mislabelled.
"""

from typing import NamedTuple

import numpy as np


class Suspects(NamedTuple):
    """
    Of N clips: score (N,), in [-1, 1], likely (N,) class numbers, counted (N,) whether confident learning counts the
    clip as mislabelled, and counts (C, C), clips by label (row) and the class they count as (column).
    """

    score: np.ndarray
    likely: np.ndarray
    counted: np.ndarray
    counts: np.ndarray


def find_suspects(probabilities: np.ndarray, labels: np.ndarray) -> Suspects:
    """
    How suspect the labels (N,) are, given out-of-fold probabilities (N, C), of several teachers their mean.

    score: the probability of the likely class less that of the label: 1, another class is certain; below 0, the label
    is the most probable. likely: the class that the clip counts as where that is not its label, else the most probable
    other one. A class without clips has no threshold, so nothing counts as it; the threshold of a class with one clip
    is that clip's own probability.
    """
    _check(probabilities, labels)
    rows = np.arange(len(labels))
    confident = confident_classes(probabilities, thresholds(probabilities, labels))
    known = confident >= 0
    counts = np.zeros((probabilities.shape[1],) * 2, int)
    np.add.at(counts, (labels[known], confident[known]), 1)
    counted = known & (confident != labels)
    others = np.array(probabilities, dtype=np.float64)
    others[rows, labels] = -np.inf
    likely = np.where(counted, confident, others.argmax(axis=1))
    return Suspects(probabilities[rows, likely] - probabilities[rows, labels], likely, counted, counts)


def thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean probability (C,) of each class over the clips that are labelled so; infinite for a class without clips."""
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    sums, sizes = np.bincount(labels, own, classes), np.bincount(labels, minlength=classes)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)


def confident_classes(probabilities: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The most probable class (N,) among those whose probability is at least least (C,), -1 where there is none."""
    # a class of one clip has exactly its own probability as threshold: rounding must not decide
    reached = np.where(probabilities >= least - 1e-12, probabilities, -1.0)
    return np.where(reached.max(axis=1) < 0, -1, reached.argmax(axis=1))


def ranked(score: np.ndarray) -> np.ndarray:
    """The clips (N,) from the most suspect on; equal scores in their given order."""
    return np.argsort(-score, kind="stable")


def _check(probabilities: np.ndarray, labels: np.ndarray) -> None:
    """Refuse shapes that do not match, rows that are no distribution, and clips without a label."""
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:
        raise ValueError(
            f"probabilities {probabilities.shape} and labels {labels.shape}; expected (N, C), (N,)"
        )
    if probabilities.shape[1] < 2:
        raise ValueError("there is one class; a label can only be wrong if there are two or more")
    sums = probabilities.sum(axis=1)
    for row in np.flatnonzero((probabilities.min(axis=1) < 0) | ~(np.abs(sums - 1) < 1e-4))[:1]:
        raise ValueError(f"row {row} of probabilities sums to {sums[row]}; expected a distribution")
    for row in np.flatnonzero((labels < 0) | (labels >= probabilities.shape[1]))[:1]:
        raise ValueError(f"row {row} has the label {labels[row]}; expected 0 .. {probabilities.shape[1] - 1}")
