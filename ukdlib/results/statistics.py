"""
The uncertainty of a difference in accuracy: bootstrap intervals over videos and trainings, McNemar's test.

Arguments are one number per video: whether it was recognised (0 or 1, or bool), or the share of seeds that
recognised it, in [0, 1]. Intervals are percentiles of resampled means; the same seed gives the same interval.
"""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000


def bootstrap_interval(correct: np.ndarray, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Interval (low, high) of the mean of correct (N,) over videos, as shares."""
    means = _resampled_means(np.asarray(correct, dtype=np.float64), seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_bootstrap(
    correct_a: np.ndarray, correct_b: np.ndarray, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """(difference, low, high) of mean(a) - mean(b), both (N,) on the same videos in the same order."""
    a, b = _paired(correct_a, correct_b)
    return float((a - b).mean()), *bootstrap_interval(a - b, level, seed)


def crossed_bootstrap(
    blocks: Sequence[np.ndarray], level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """
    Interval (low, high) of the mean over splits of the mean over seeds and videos.

    blocks: for each split S x V numbers, such as correct(a) - correct(b) by seed and test video. Seeds and
    videos are both resampled, crossed (Owen, Annals of Applied Statistics 2007): the interval includes the variance
    over videos and over trainings. With one seed only the former is known.
    """
    if not blocks or any(block.ndim != 2 or block.size == 0 for block in blocks):
        raise ValueError(
            f"blocks have shapes {[block.shape for block in blocks]}; expected (seeds, videos) each"
        )
    rng = np.random.default_rng(seed)
    means = np.zeros(RESAMPLES)
    for block in blocks:
        seeds, videos = (
            rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES) / size for size in block.shape
        )
        means += ((seeds @ block) * videos).sum(axis=1) / len(blocks)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, float]:
    """
    (videos that only a recognises, videos that only b does, exact two-sided p) for correct (N,) of 0 and 1.

    p is the probability of a division at least as uneven if each such video were a fair coin toss. For shares of
    several seeds, it counts the videos that a or b recognises more often: the sign test over videos.
    """
    a, b = _paired(correct_a, correct_b)
    only_a, only_b = int((a > b).sum()), int((a < b).sum())
    total = only_a + only_b
    log_factorials = np.append(0.0, np.cumsum(np.log(np.arange(1, total + 1))))
    i = np.arange(min(only_a, only_b) + 1)
    log_chances = log_factorials[total] - log_factorials[i] - log_factorials[total - i] - total * math.log(2)
    return only_a, only_b, min(1.0, 2 * float(np.exp(log_chances).sum()))


def _resampled_means(values: np.ndarray, seed: int) -> np.ndarray:
    """
    Means (RESAMPLES,) of values drawn with replacement.

    The count of each distinct value is multinomial, which needs no index per video: values are few.
    """
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values have shape {values.shape}; expected one number for each of N > 0 videos")
    distinct, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=RESAMPLES)
    return drawn @ distinct / len(values)


def _paired(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, refused if they differ in the number of videos."""
    a, b = np.asarray(correct_a, dtype=np.float64), np.asarray(correct_b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape} results cannot be paired; both need one for each video")
    return a, b
