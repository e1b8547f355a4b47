"""
What teachers are worth to the fused target, on arrays: values of sets of teachers, shared out among them.

K teachers, N clips, C classes. The value of a set of teachers is the mean log probability of the label under their
fused target, minus its cross-entropy, in nats; the empty set is worth the uniform target, -log C. A teacher's share is
its Shapley value (Shapley 1953): what it adds to the value, averaged over all orders in which the teachers may come.
The shares sum to the value of all less that of none, equal teachers have equal shares, and one that never adds anything
has none. Sets are numbers: bit k is set where teacher k is in.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ukdlib.knowledge.fusion import fused_knowledge

EXACT = 12  # teachers up to which all 2^K sets are valued
PERMUTATIONS = 200  # orders that are sampled beyond
Value = Callable[[int], Any]  # of a set of teachers: a number, or one for each clip (N,)


def members(chosen: int) -> list[int]:
    """The numbers of the teachers in a set."""
    return [k for k in range(chosen.bit_length()) if chosen >> k & 1]


def fused_probabilities(
    logits: np.ndarray, labels: np.ndarray, chosen: int, fusion: dict[str, Any], tau: float
) -> np.ndarray:
    """
    The fused target (N, C) of a set of the teachers with logits (K, N, C); uniform for the empty set.

    fusion: {method, h, weight_temperature, fuse_as}. Labels (N,) decide the weights of the methods that need them.
    """
    if chosen == 0:
        return np.full(logits.shape[1:], 1 / logits.shape[2])
    given = fusion["h"], fusion["weight_temperature"], fusion["fuse_as"]
    return fused_knowledge(fusion["method"], logits[members(chosen)], labels, tau, *given)[0]


def log_truth(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log probability (N,) of the labels (N,) under probabilities (N, C), at least that of the smallest number."""
    truth = probabilities[np.arange(len(labels)), labels]
    return np.log(np.maximum(truth, np.finfo(np.float64).tiny))


def value_of(logits: np.ndarray, labels: np.ndarray, fusion: dict[str, Any], tau: float) -> Value:
    """The value of a set clip by clip (N,), for logits (K, N, C), labels (N,); see fused_probabilities."""
    return lambda chosen: log_truth(fused_probabilities(logits, labels, chosen, fusion, tau), labels)


def shapley_values(value: Value, teachers: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """
    Shares (K, N) of the teachers clip by clip, whose mean over the clips is the worth of each, and the standard errors
    (K,) of these means from sampling orders: 0 where shares are exact, up to EXACT teachers.

    Beyond, PERMUTATIONS orders are drawn with a generator keyed by seed; the shares still sum to the whole.
    """
    if teachers <= EXACT:
        return exact_shares(value, teachers), np.zeros(teachers)
    return sampled_shares(value, teachers, PERMUTATIONS, seed)


def exact_shares(value: Value, teachers: int) -> np.ndarray:
    """Shares (K, N) from all 2^K sets, of which one at a time is in memory."""
    if teachers < 1:
        raise ValueError(f"{teachers} teachers; a share needs one or more")
    shares: Any = [0.0] * teachers
    for chosen in range(2**teachers):
        worth, size = np.asarray(value(chosen)), chosen.bit_count()
        for k in range(teachers):
            # of the K! orders, s! (K - 1 - s)! have just these s others before teacher k
            inside = chosen >> k & 1
            share = 1 / (teachers * math.comb(teachers - 1, size - inside))
            shares[k] = shares[k] + (share if inside else -share) * worth
    return np.array(shares)


def sampled_shares(
    value: Value, teachers: int, permutations: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Shares (K, N) by drawn orders and, after each, its reverse; and the standard errors (K,) of their means."""
    if permutations < 4:
        raise ValueError(f"{permutations} permutations; at least 4 are needed for a standard error")
    rng = np.random.default_rng([seed, teachers])
    total: Any = 0.0
    means = []
    for _ in range(permutations // 2):
        order = rng.permutation(teachers)
        added = (_added(value, order) + _added(value, order[::-1])) / 2
        total = total + added
        means.append(added.reshape(teachers, -1).mean(axis=1))
    error = np.std(means, axis=0, ddof=1) / math.sqrt(len(means))
    return total / len(means), error


def _added(value: Value, order: np.ndarray) -> np.ndarray:
    """What each teacher adds (K, N) when they come in this order."""
    before, worth = 0, np.asarray(value(0))
    gains: list[Any] = [0.0] * len(order)
    for k in order.tolist():
        before |= 1 << k
        gains[k] = np.asarray(value(before)) - worth
        worth = worth + gains[k]
    return np.array(gains)


def leave_one_out(value: Value, teachers: int) -> np.ndarray:
    """What all teachers together lose (K, N) when one is left out; negative where they do better without it."""
    whole = 2**teachers - 1
    return value(whole) - np.array([value(whole & ~(1 << k)) for k in range(teachers)])


def sets_of(teachers: int, size: int, at_most: int, seed: int = 0) -> list[int]:
    """Sets of `size` teachers: all, or at_most of them drawn with a generator keyed by seed and size; each once."""
    total = math.comb(teachers, size)
    rng = np.random.default_rng([seed, teachers, size])
    if total <= at_most:
        return sorted(sum(1 << k for k in chosen) for chosen in itertools.combinations(range(teachers), size))
    drawn: set[int] = set()
    while len(drawn) < at_most:
        drawn.add(sum(1 << int(k) for k in rng.choice(teachers, size, replace=False)))
    return sorted(drawn)
