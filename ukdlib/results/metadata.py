"""
What else tells the classes apart: how well size, frame rate, length and codec of a file alone predict its class.

A network may learn what these give away instead of the action. Naive Bayes on what a file says of itself, trained on
the training clips of a split, tested on its test clips.
"""

from typing import Any

import numpy as np
import pandas as pd

from ukdlib.results.statistics import bootstrap_interval
from ukdlib.results.tables.page import render

BINS = 8  # of a number, by quantiles of the training clips
PRIOR = 1.0  # clips added to each bin of each class (Laplace)
HEADS = ["accuracy, %", "95 % interval", "always the largest class, %"]


def give_away(clips: pd.DataFrame, subsets: pd.DataFrame) -> pd.DataFrame:
    """
    A row for size, frame rate, length, codec, and all of them: accuracy, low, high, chance, each a share.

    clips: columns video_id, height, width, fps, num_frames, codec; subsets: video_id, label, subset, group of a split.
    chance: of the class that has most training clips.
    """
    joined = subsets.merge(clips.drop(columns="label", errors="ignore"), on="video_id", validate="one_to_one")
    known = _attributes(joined)
    trained, tested = (joined["subset"].isin(names).to_numpy() for names in (["train", "val"], ["test"]))
    labels = joined["label"].to_numpy()
    largest = np.bincount(labels[trained]).argmax()
    rows = {}
    for name, columns in {**{name: [name] for name in known}, "all of these": list(known)}.items():
        binned = np.stack([_binned(known[column], trained) for column in columns], axis=1)
        right = _predicted(binned[trained], labels[trained], binned[tested]) == labels[tested]
        low, high = bootstrap_interval(right, joined.loc[tested, "group"].tolist())
        rows[name] = {
            "accuracy": right.mean(),
            "low": low,
            "high": high,
            "chance": (labels[tested] == largest).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def to_html(table: pd.DataFrame, caption: str, note: str, below: list[str]) -> str:
    """give_away as a page."""
    rows = [
        {
            "label": name,
            "cells": [
                f"{100 * row.accuracy:.1f}",
                f"{100 * row.low:.1f} to {100 * row.high:.1f}",
                f"{100 * row.chance:.1f}",
            ],
            "best": False,
        }
        for name, row in table.iterrows()
    ]
    return render(HEADS, rows, caption, note, below)


def _attributes(clips: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        "size": clips["width"].astype(str) + " × " + clips["height"].astype(str),
        "frame rate": clips["fps"].round(2).astype(str),
        "length": clips["num_frames"] / clips["fps"],
        "codec": clips["codec"],
    }


def _binned(values: pd.Series, trained: np.ndarray) -> np.ndarray:
    """A small number for each value: its quantile among the training clips, or the number of the text."""
    if pd.api.types.is_numeric_dtype(values):
        edges = np.unique(np.quantile(values[trained], np.linspace(0, 1, BINS + 1)[1:-1]))
        return np.searchsorted(edges, values, side="right")
    return pd.factorize(values)[0]


def _predicted(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Most probable class of each row of test (M, F), by naive Bayes from train (N, F) and labels (N,)."""
    classes = np.arange(labels.max() + 1)
    counts = np.bincount(labels, minlength=len(classes))
    scores: Any = np.log(np.where(counts > 0, counts, 1e-9))
    scores = np.repeat(scores[None], len(test), axis=0)
    for column, wanted in zip(train.T, test.T, strict=True):
        table = np.full((len(classes), max(column.max(), wanted.max()) + 1), PRIOR)
        np.add.at(table, (labels, column), 1)
        scores += np.log(table / table.sum(axis=1, keepdims=True))[:, wanted].T
    return scores.argmax(axis=1)
