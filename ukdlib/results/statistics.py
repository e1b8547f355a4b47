"""
The uncertainty of a difference in accuracy: bootstrap intervals over groups of videos and trainings, McNemar's test.

Arguments are one number per video: whether it was recognised (0 or 1, or bool), or the share of seeds that
recognised it, in [0, 1]. Intervals are percentiles of resampled means; the same seed gives the same interval.
"""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000


def bootstrap_interval(
    correct: np.ndarray, groups: Sequence[str] | None = None, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Interval (low, high) of the mean of correct (N,) over videos, as shares; groups: see crossed_bootstrap."""
    values = np.asarray(correct, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values have shape {values.shape}; expected one number for each of N > 0 videos")
    return crossed_bootstrap([values[None]], [groups], level, seed)


def crossed_bootstrap(
    blocks: Sequence[np.ndarray],
    groups: Sequence[Sequence[str] | None] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """
    Interval (low, high) of the mean over splits of the mean over seeds and videos.

    blocks: for each split S x V numbers, such as correct(a) - correct(b) by seed and test video. groups: for each split
    the group of each of its V videos, by default each its own. Clips of one person in one scene succeed and fail
    together, so whole groups are resampled (Cameron, Gelbach and Miller 2008), and seeds, crossed with them (Owen,
    Annals of Applied Statistics 2007): the interval includes the variance over groups and over trainings. With one
    seed only the former is known.
    """
    if not blocks or any(block.ndim != 2 or block.size == 0 for block in blocks):
        raise ValueError(
            f"blocks have shapes {[block.shape for block in blocks]}; expected (seeds, videos) each"
        )
    rng = np.random.default_rng(seed)
    means = np.zeros(RESAMPLES)
    for block, names in zip(blocks, groups or [None] * len(blocks), strict=True):
        sums, sizes = _by_group(block, names)
        seeds, drawn = (rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES) for size in sums.shape)
        total = ((seeds / len(block) @ sums) * drawn).sum(axis=1)
        means += total / (drawn @ sizes) / len(blocks)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _by_group(block: np.ndarray, names: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Sums (S, G) over the videos of each group of a block (S, V), and their numbers (G,)."""
    if names is None:
        return block, np.ones(block.shape[1])
    if len(names) != block.shape[1]:
        raise ValueError(f"{len(names)} groups for {block.shape[1]} videos; each video has one")
    _, place = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return np.stack([np.bincount(place, row) for row in block]), np.bincount(place).astype(float)


def sign_test(a: np.ndarray, b: np.ndarray, groups: Sequence[str] | None = None) -> tuple[int, int, float]:
    """mcnemar of the groups' means: how many favour a, how many b, and p; groups: as in crossed_bootstrap."""
    (one, sizes), (other, _) = (_by_group(np.asarray(each, float)[None], groups) for each in (a, b))
    return mcnemar((one / sizes)[0].round(12), (other / sizes)[0].round(12))


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


def _paired(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, refused if they differ in the number of videos."""
    a, b = np.asarray(correct_a, dtype=np.float64), np.asarray(correct_b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape} results cannot be paired; both need one for each video")
    return a, b
