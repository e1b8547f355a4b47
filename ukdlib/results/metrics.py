"""
Metrics of logits: accuracy, confusion, calibration.

A video's probability is the mean over its views of softmax(logits), at temperature 1. Every number is over
videos and, unless it is a count or nll (nats), a share in [0, 1]. The interval is from ukdlib.results.statistics,
the only module of the same subpackage that this one needs.
"""

from collections.abc import Mapping

import numpy as np

from ukdlib.results.statistics import bootstrap_interval

BINS = 15  # of the expected calibration error


def evaluate(
    video_ids: np.ndarray,
    labels: np.ndarray,
    logits: np.ndarray,
    classes: list[str],
    groups: Mapping[str, str] | None = None,
) -> dict:
    """
    Metrics, ready for JSON, of video_ids (N,), labels (N,) class numbers, logits (N, C), classes C names.

    n videos, views per video, top1, top5 (None if C < 5), mean_class, per_class {name: share or None},
    confusion (C x C counts, true class by row), nll, ece, interval of top1 (95 %, bootstrap over groups), groups
    (of the videos in the order of their names). groups: of each video; None = each is its own.
    """
    if (labels < 0).any():
        raise ValueError(f"metrics: {video_ids[labels < 0][0]!r} has no label to compare with")
    names, truth, probs, views = video_probabilities(video_ids, labels, logits)
    own = [groups[name] if groups else str(name) for name in names]
    guess = probs.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (truth, guess), 1)
    shares = [row[i] / row.sum() if row.sum() else None for i, row in enumerate(confusion)]
    true_probs = probs[np.arange(len(truth)), truth]
    return {
        "n": len(truth),
        "views": views,
        "top1": float((guess == truth).mean()),
        "top5": top_share(probs, truth, 5) if len(classes) >= 5 else None,
        "mean_class": float(np.mean([share for share in shares if share is not None])),
        "per_class": {
            name: None if share is None else float(share) for name, share in zip(classes, shares, strict=True)
        },
        "confusion": confusion.tolist(),
        "nll": float(-np.log(np.maximum(true_probs, np.finfo(np.float64).tiny)).mean()),
        "ece": calibration_error(probs, truth),
        "interval": list(bootstrap_interval(guess == truth, own)),
        "groups": own,
    }


def video_probabilities(
    video_ids: np.ndarray, labels: np.ndarray, logits: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """(ids (V,) sorted, labels (V,), probabilities (V, C), views per video) of rows (N,), (N,), (N, C)."""
    ids, first, index, counts = np.unique(
        video_ids, return_index=True, return_inverse=True, return_counts=True
    )
    if len(ids) == 0 or len(np.unique(counts)) > 1:
        raise ValueError(
            f"videos have {np.unique(counts).tolist()} views; expected one number of views for all"
        )
    labels = np.asarray(labels)
    for row in np.flatnonzero(labels != labels[first][index])[:1]:
        raise ValueError(
            f"video {str(video_ids[row])!r} has labels {labels[first][index][row]} and {labels[row]}"
        )
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    sums = np.zeros((len(ids), logits.shape[1]))
    np.add.at(sums, index, shifted / shifted.sum(axis=1, keepdims=True))
    return ids, labels[first], sums / counts[:, None], int(counts[0])


def top_share(probs: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of videos whose label is among the k most probable classes; ties go to the lower class number."""
    best = np.argsort(-probs, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(axis=1).mean())


def calibration_error(probs: np.ndarray, labels: np.ndarray) -> float:
    """
    Expected calibration error in [0, 1] of probs (V, C), labels (V,).

    Videos are put into BINS equal bins of their highest probability; the mean over videos of the gap between
    a bin's accuracy and its mean highest probability.
    """
    highest, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    bins = np.minimum((highest * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right - highest, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))
