"""How well probabilities are calibrated, before and after a temperature, and what is risked by answering."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ukdlib.knowledge.calibration import calibrated, fit_temperature, risk_curve
from ukdlib.knowledge.logits import LogitRows
from ukdlib.results.metrics import calibration_error, video_probabilities
from ukdlib.results.tables.page import render

COVERAGE = 0.8  # share of the test clips that is answered, of which the table states the risk
HEADS = (
    "validation clips",
    "temperature",
    "test ECE",
    "ECE, calibrated",
    "test NLL",
    "NLL, calibrated",
    "top-1, %",
    f"of the surest {COVERAGE:.0%}",
)


def calibrate(val: LogitRows, test: LogitRows) -> dict[str, Any]:
    """
    From validation and test logits, ready for JSON: n (validation clips), temperature, curve (thresholds on calibrated
    probabilities, of the validation clips), and for val and test {before, after: {nll, ece}, top1, curve}.
    """
    _, labels, probabilities, _ = video_probabilities(val.video_ids, val.labels, val.logits)
    temperature = fit_temperature(probabilities, labels)
    return {
        "n": len(labels),
        "temperature": temperature,
        "curve": risk_curve(calibrated(probabilities, temperature), labels),
        "val": _measured(val, temperature),
        "test": _measured(test, temperature),
    }


def _measured(rows: LogitRows, temperature: float) -> dict[str, Any]:
    _, labels, before, _ = video_probabilities(rows.video_ids, rows.labels, rows.logits)
    after = calibrated(before, temperature)
    return {
        "before": _scores(before, labels),
        "after": _scores(after, labels),
        "top1": float((after.argmax(axis=1) == labels).mean()),
        "curve": risk_curve(after, labels),
    }


def _scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    true = probabilities[np.arange(len(labels)), labels]
    return {
        "nll": float(-np.log(np.maximum(true, np.finfo(np.float64).tiny)).mean()),
        "ece": calibration_error(probabilities, labels),
    }


def tabulate(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each model, in the order of HEADS; records: name -> calibrate."""
    rows = {}
    for name, record in records.items():
        test = record["test"]
        scores = [test[when][score] for score in ("ece", "nll") for when in ("before", "after")]
        surest = 1 - risk_at(test["curve"], COVERAGE)
        rows[name] = [record["n"], record["temperature"], *scores, 100 * test["top1"], 100 * surest]
    return pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(HEADS))


def risk_at(curve: Sequence[Mapping[str, float]], coverage: float) -> float:
    """The risk where at least this share of the clips is answered, and no more than needed."""
    return next(point["risk"] for point in curve if point["coverage"] >= coverage - 1e-9)


def to_html(table: pd.DataFrame, caption: str, note: str) -> str:
    """tabulate as a page."""
    forms = ["{:.0f}", "{:.2f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.1f}", "{:.1f}"]
    rows = [
        {
            "label": str(name),
            "cells": [form.format(value) for form, value in zip(forms, values, strict=True)],
            "best": False,
        }
        for name, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    below = [
        "ECE: expected calibration error, the mean gap between confidence and accuracy. NLL: negative log likelihood, "
        "nats. "
        "The temperature is chosen on the validation clips; it changes no answer."
    ]
    return render(HEADS, rows, caption, note, below)
