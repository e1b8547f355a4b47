"""The figures of the results by name: what reads the files that each one shows, and what draws it."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ukdlib.artifacts.sealed_json import read_json
from ukdlib.knowledge.logits import read_logits
from ukdlib.results.figures.results import accuracy, classes, confusion, ladder, reliability, risk, sweeps
from ukdlib.results.figures.training import confidence, cost, curves, weights
from ukdlib.results.tables.accuracy import read_metrics, read_summary

FIGURES: dict[str, tuple[Callable[[str], Any], Callable[..., Figure]]] = {
    "ladder": (read_summary, ladder),
    "accuracy": (read_metrics, accuracy),
    "curves": (pd.read_csv, curves),
    "cost": (pd.read_csv, cost),
    "weights": (read_logits, weights),
    "confusion": (read_metrics, confusion),
    "classes": (read_metrics, classes),
    "reliability": (read_logits, reliability),
    "risk": (read_json, risk),
    "confidence": (read_logits, confidence),
    "sweeps": (read_summary, sweeps),
}


def draw(name: str, files: dict[str, list[str]], **extras: Any) -> Figure:
    """A figure from label -> files, of every run one; extras: what else it shows, such as the paper's numbers."""
    read, drawn = FIGURES[name]
    return drawn({label: [read(path) for path in paths] for label, paths in files.items()}, **extras)
