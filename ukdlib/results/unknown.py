"""
Whether a network notices actions that it was never taught: its confidence on them against that on known ones.

Confidence is the highest probability of a video. AUROC is the probability that a known video, drawn at random, has more
of it than an unknown one; ties count half (Hendrycks and Gimpel, ICLR 2017).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ukdlib.knowledge.logits import LogitRows
from ukdlib.results.metrics import video_probabilities
from ukdlib.results.statistics import RESAMPLES
from ukdlib.results.tables.page import render

KEPT = (
    0.95  # share of the known videos that are answered, of which the table states the unknown ones answered
)
HEADS = (
    "AUROC",
    "95 % interval",
    "known clips",
    "unknown clips",
    f"unknown answered, %, where {KEPT:.0%} of known are",
)


def separate(known: LogitRows, unknown: LogitRows, groups: Mapping[str, str]) -> dict[str, Any]:
    """
    {auroc, interval, known, unknown (numbers of videos), answered}, ready for JSON; groups: of each video.

    answered: share of the unknown videos as sure as the surest KEPT of the known ones. Interval: 95 %, bootstrap over
    groups, of which known and unknown videos of one person are drawn together.
    """
    (sure, own), (unsure, others) = (_confidence(rows, groups) for rows in (known, unknown))
    threshold = np.quantile(sure, 1 - KEPT)
    return {
        "auroc": auroc(sure, unsure),
        "interval": list(_interval(sure, unsure, own, others)),
        "known": len(sure),
        "unknown": len(unsure),
        "answered": float((unsure >= threshold).mean()),
    }


def _confidence(rows: LogitRows, groups: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    names, _, probabilities, _ = video_probabilities(rows.video_ids, rows.labels, rows.logits)
    return probabilities.max(axis=1), np.array([groups[name] for name in names])


def auroc(higher: np.ndarray, lower: np.ndarray) -> float:
    """Share of pairs of higher (M,) and lower (N,) in which the former is larger; ties count half."""
    return _weighted_auroc(higher, lower, np.ones(len(higher)), np.ones(len(lower)))


def _weighted_auroc(higher: np.ndarray, lower: np.ndarray, many: np.ndarray, few: np.ndarray) -> float:
    """many (M,), few (N,): how often each counts."""
    order = np.argsort(lower, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(few[order])])
    first, last = (np.searchsorted(lower[order], higher, side=side) for side in ("left", "right"))
    return float((many * (below[first] + below[last])).sum() / 2 / (many.sum() * few.sum()))


def _interval(
    sure: np.ndarray, unsure: np.ndarray, own: np.ndarray, others: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Draws in which known or unknown videos are missing altogether are drawn again."""
    names, place = np.unique(np.concatenate([own, others]), return_inverse=True)
    rng, found = np.random.default_rng(seed), list[float]()
    while len(found) < RESAMPLES:
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))[place].astype(float)
        many, few = counts[: len(sure)], counts[len(sure) :]
        if many.sum() and few.sum():
            found.append(_weighted_auroc(sure, unsure, many, few))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def tabulate(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    """A row for each label, means over its runs: auroc, low, high, known, unknown, answered. records: of `separate`."""
    rows = {}
    for label, runs in records.items():
        low, high = np.mean([run["interval"] for run in runs], axis=0)
        means = {
            key: float(np.mean([run[key] for run in runs]))
            for key in ("auroc", "known", "unknown", "answered")
        }
        rows[label] = {"auroc": means["auroc"], "low": low, "high": high, **means}
    return pd.DataFrame.from_dict(rows, orient="index")


def to_html(table: pd.DataFrame, caption: str, note: str) -> str:
    """tabulate as a page."""
    rows = [
        {
            "label": str(label),
            "cells": [
                f"{row.auroc:.3f}",
                f"{row.low:.3f} – {row.high:.3f}",
                f"{row.known:.0f}",
                f"{row.unknown:.0f}",
                f"{100 * row.answered:.0f}",
            ],
            "best": False,
        }
        for label, row in table.iterrows()
    ]
    below = [
        "AUROC: the probability that a clip of a known action has the higher confidence of a pair; 0.5 is chance. No "
        "network of these rows was trained on the unknown actions. Intervals: bootstrap over groups, mean over runs."
    ]
    return render(HEADS, rows, caption, note, below)
