"""
How far a network's probabilities can be trusted: a temperature, and what is risked by answering.

From validation clips alone. A video's probability is the mean over its views, p; calibrated is p ** (1 / T),
normalised, which changes no answer (Guo et al., ICML 2017, for one view).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

LOWEST, HIGHEST = 0.25, 20.0  # temperatures: few clips that are all recognised are no reason for certainty
ROUNDS = 60  # of the search, each making the interval smaller by the golden ratio
TINY = 1e-30  # probabilities below it count as this


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(..., C) probabilities to the power 1 / temperature, normalised."""
    powers = np.log(np.maximum(np.asarray(probabilities, np.float64), TINY)) / temperature
    powers = np.exp(powers - powers.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """
    The temperature at which the labels (N,) are most likely, given probabilities (N, C); golden-section search.

    Between LOWEST and HIGHEST: where all answers are right, the likelihood only grows as it falls.
    """
    if len(labels) == 0:
        raise ValueError("calibration: no validation clips")
    low, high = math.log(LOWEST), math.log(HIGHEST)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(ROUNDS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _loss(probabilities, labels, left) < _loss(probabilities, labels, right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def _loss(probabilities: np.ndarray, labels: np.ndarray, log_temperature: float) -> float:
    """Negative log likelihood in nats: convex in 1 / temperature, so it has one minimum."""
    found = calibrated(probabilities, math.exp(log_temperature))
    return -float(np.log(np.maximum(found[np.arange(len(labels)), labels], TINY)).mean())


def risk_curve(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """
    {threshold, coverage, risk} for each threshold on the highest probability, from the highest on: share of clips that
    are answered, and share of wrong ones among these. Clips of the same probability are answered together.
    """
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels
    order = np.argsort(-confidence, kind="stable")
    confidence, errors = confidence[order], np.cumsum(wrong[order])
    last = np.append(confidence[1:] < confidence[:-1], True)
    return [
        {
            "threshold": float(confidence[number]),
            "coverage": (number + 1) / len(labels),
            "risk": float(errors[number] / (number + 1)),
        }
        for number in np.flatnonzero(last).tolist()
    ]


def threshold_at(curve: Sequence[dict[str, Any]], risk: float) -> float:
    """
    The lowest threshold at which no more than `risk` of the validation answers are wrong.

    ValueError if that holds at none, with the lowest risk there is.
    """
    if not 0 <= risk < 1:
        raise ValueError(f"the risk is {risk}; it must be at least 0 and below 1")
    allowed = [point for point in curve if point["risk"] <= risk]
    if not allowed:
        best = min(curve, key=lambda point: point["risk"])
        raise ValueError(
            f"a risk of {risk:g} was not reached on the validation clips; the lowest is {best['risk']:.3f}, "
            f"with {best['coverage']:.0%} of them answered"
        )
    return float(max(allowed, key=lambda point: point["coverage"])["threshold"])
