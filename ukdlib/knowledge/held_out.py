"""What teachers say of the training videos that they were not trained on, read from their out-of-fold files."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ukdlib.knowledge.alignment import read_aligned
from ukdlib.knowledge.ensemble import check_out_of_fold
from ukdlib.knowledge.fusion import log_softmax


class HeldOut(NamedTuple):
    """Of one run: video_ids (N,), labels (N,), logits (K, N, C), the mean over a video's views; classes C names."""

    video_ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    classes: list[str]


class Pooled(NamedTuple):
    """Of all runs: video_ids (N,), labels (N,), probabilities (N, C), and guesses (N, C): predictions by class."""

    video_ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    guesses: np.ndarray


def run_by_run(files: Sequence[Any], count: int) -> list[list[Any]]:
    """The `count` files of each run, from those of all runs one after the other."""
    return [list(files[begin : begin + count]) for begin in range(0, len(files), count)]


def read_held_out(paths: Sequence[str]) -> HeldOut:
    """One run's files, one of each teacher; in-sample logits are refused (check_out_of_fold)."""
    for path in paths:
        check_out_of_fold(path)
    return read_run(paths)


def read_run(paths: Sequence[str]) -> HeldOut:
    """The same of any files of the same videos."""
    parts = [(rows, np.stack(list(logits))) for rows, logits in read_aligned(paths, "video")]
    return HeldOut(
        np.concatenate([rows.video_ids for rows, _ in parts]),
        np.concatenate([rows.labels for rows, _ in parts]),
        np.concatenate([logits for _, logits in parts], axis=1),
        parts[0][0].classes,
    )


def pool(runs: Sequence[HeldOut]) -> Pooled:
    """Mean probability of each video, at temperature 1, over the teachers of all its runs; sorted by video."""
    ids = np.concatenate([run.video_ids for run in runs])
    names, first, place = np.unique(ids, return_index=True, return_inverse=True)
    stated = np.concatenate([run.labels for run in runs])
    labels = stated[first]
    for row in np.flatnonzero(stated != labels[place])[:1]:
        raise ValueError(
            f"video {str(ids[row])!r} has labels {labels[place[row]]} and {stated[row]} in two splits; take one"
        )
    sums, guesses = (np.zeros((len(names), len(runs[0].classes))) for _ in range(2))
    begin = 0
    for run in runs:
        rows = place[begin : begin + len(run.video_ids)]
        begin += len(rows)
        for logits in run.logits:
            sums[rows] += np.exp(log_softmax(logits))
            guesses[rows, logits.argmax(axis=1)] += 1
    return Pooled(names, labels, sums / guesses.sum(axis=1, keepdims=True), guesses.astype(int))
