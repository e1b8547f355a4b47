"""Suspect labels as tables, and how many of labels that were made wrong on purpose they find."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ukdlib.knowledge.fusion import log_softmax, to_truth
from ukdlib.knowledge.held_out import HeldOut, Pooled
from ukdlib.knowledge.suspects import find_suspects, ranked

Z = 1.959964  # of a 95 % interval


def suspects_table(pooled: Pooled, classes: Sequence[str], groups: Mapping[str, str]) -> pd.DataFrame:
    """
    The clips whose label is not the most probable class or that count as mislabelled, the most suspect first.

    score, likely, counted: ukdlib.knowledge.suspects. p_label, p_likely: mean probabilities over the teachers.
    agree of predictions: how many of the teachers' predictions, a teacher of each run one, guess the likely class.
    """
    found = find_suspects(pooled.probabilities, pooled.labels)
    order = ranked(found.score)
    order = order[(found.score[order] > 0) | found.counted[order]]
    likely, labels, names = found.likely[order], pooled.labels[order], np.array(classes, dtype=object)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "video_id": pooled.video_ids[order],
            "group": [groups[video] for video in pooled.video_ids[order].tolist()],
            "label": names[labels],
            "likely": names[likely],
            "score": found.score[order].round(4),
            "p_label": pooled.probabilities[order, labels].round(4),
            "p_likely": pooled.probabilities[order, likely].round(4),
            "agree": pooled.guesses[order, likely],
            "predictions": pooled.guesses[order].sum(axis=1),
            "counted": found.counted[order],
        }
    )


def pairs_table(pooled: Pooled, classes: Sequence[str]) -> pd.DataFrame:
    """Clips by label and by the other class that they count as, the largest number first; no pairs without clips."""
    counts = find_suspects(pooled.probabilities, pooled.labels).counts
    np.fill_diagonal(counts, 0)
    label, likely = np.nonzero(counts)
    order = np.argsort(-counts[label, likely], kind="stable")
    names = np.array(classes, dtype=object)
    pairs = {"label": names[label], "likely": names[likely], "clips": counts[label, likely]}
    return pd.DataFrame(pairs).iloc[order]


def planted_table(
    held_out: HeldOut, in_sample: HeldOut, listed: Mapping[str, int], noise: str
) -> list[dict[str, object]]:
    """
    How well each ranking finds the labels of one run that differ from the listed ones, a row for each ranking.

    At the planted number n precision and recall are one number, `found` of n. The last row is the set that confident
    learning counts as mislabelled, which has a size of its own. Intervals: Wilson's, 95 %.
    """
    pooled = pool_one(held_out)
    truth = np.array([listed[video] for video in held_out.video_ids.tolist()])
    wrong = held_out.labels != truth
    if in_sample.video_ids.tolist() != held_out.video_ids.tolist():
        raise ValueError("in-sample and out-of-fold logits are not of the same videos")
    found = find_suspects(pooled, held_out.labels)
    count = int(wrong.sum())
    chosen = {
        "out of fold, score": ranked(found.score)[:count],
        "out of fold, loss": ranked(mean_loss(held_out))[:count],
        "in sample, loss": ranked(mean_loss(in_sample))[:count],
        "counted by confident learning": np.flatnonzero(found.counted),
    }
    restored = found.likely == truth
    return [
        {
            "noise": noise,
            "ranking": name,
            **_scores(wrong, rows),
            "right_class": int((wrong & restored)[rows].sum()),
        }
        for name, rows in chosen.items()
    ]


def pool_one(run: HeldOut) -> np.ndarray:
    """Mean probability (N, C) over the teachers of one run."""
    return np.mean([np.exp(log_softmax(logits)) for logits in run.logits], axis=0)


def mean_loss(run: HeldOut) -> np.ndarray:
    """Mean cross-entropy (N,) of the teachers to the label."""
    return np.mean([to_truth(log_softmax(logits), run.labels) for logits in run.logits], axis=0)


def _scores(wrong: np.ndarray, rows: np.ndarray) -> dict[str, object]:
    hits, planted = int(wrong[rows].sum()), int(wrong.sum())
    precision, recall = wilson(hits, len(rows)), wilson(hits, planted)
    return {
        "clips": len(wrong),
        "planted": planted,
        "shown": len(rows),
        "found": hits,
        "precision": hits / len(rows) if len(rows) else math.nan,
        "precision_low": precision[0],
        "precision_high": precision[1],
        "recall": hits / planted if planted else math.nan,
        "recall_low": recall[0],
        "recall_high": recall[1],
    }


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % score interval (low, high) of a share (Wilson, JASA 1927); (0, 1) of none."""
    if count == 0:
        return 0.0, 1.0
    share, spread = hits / count, Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / count + spread / count / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
