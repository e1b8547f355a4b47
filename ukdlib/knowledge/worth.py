"""
What teachers are worth to the fused target, on arrays: values of sets of teachers, shared out among them.

K teachers, N clips, C classes. The value of a set of teachers is the mean log probability of the label under their
fused target, minus its cross-entropy, in nats; the empty set is worth the uniform target, -log C. A teacher's share is its
Shapley value (Shapley 1953): what it adds to the value, averaged over all orders in which the teachers may come. The
shares sum to the value of all less that of none, equal teachers have equal shares, and one that never adds anything has
none. Sets are numbers: bit k is set where teacher k is in.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ukdlib.knowledge.fusion import fused_knowledge

EXACT = 12  # teachers up to which all 2^K sets are valued
PERMUTATIONS = 200  # orders that are sampled beyond
Value = Callable[[int], float]  # of a set of teachers


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
    """The value of a set, for logits (K, N, C), labels (N,); see fused_probabilities."""
    return lambda chosen: float(
        log_truth(fused_probabilities(logits, labels, chosen, fusion, tau), labels).mean()
    )


def shapley_values(value: Value, teachers: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """
    Shares (K,) of the teachers, and their standard errors (K,): 0 where they are exact, up to EXACT teachers.

    Beyond, PERMUTATIONS orders are drawn with a generator keyed by seed; the shares still sum to the whole.
    """
    if teachers <= EXACT:
        return exact_shares([value(chosen) for chosen in range(2**teachers)]), np.zeros(teachers)
    return sampled_shares(value, teachers, PERMUTATIONS, seed)


def exact_shares(values: Sequence[float]) -> np.ndarray:
    """Shares (K,) from the values of all 2^K sets."""
    count = len(values).bit_length() - 1
    if len(values) != 2**count or count == 0:
        raise ValueError(f"{len(values)} values; expected one of each of the 2^K sets of K > 0 teachers")
    every, sets = np.asarray(values, float), np.arange(len(values))
    sizes = np.array([int(chosen).bit_count() for chosen in sets])
    # a set of s others is those that came before in s! (K - 1 - s)! of the K! orders
    weights = np.array([1 / (count * math.comb(count - 1, s)) for s in range(count)])
    shares = []
    for k in range(count):
        without = sets[(sets >> k & 1) == 0]
        shares.append(weights[sizes[without]] @ (every[without | 1 << k] - every[without]))
    return np.array(shares)


def sampled_shares(
    value: Value, teachers: int, permutations: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Means (K,) and standard errors (K,) of what each teacher adds in drawn orders and, for each, its reverse."""
    if permutations < 4:
        raise ValueError(f"{permutations} permutations; at least 4 are needed for a standard error")
    rng = np.random.default_rng([seed, teachers])
    known: dict[int, float] = {}

    def added(order: np.ndarray) -> np.ndarray:
        """What each teacher adds when they come in this order."""
        gains, before = np.zeros(teachers), 0
        for k in order.tolist():
            for chosen in (before, before | 1 << k):
                if chosen not in known:
                    known[chosen] = value(chosen)
            gains[k] = known[before | 1 << k] - known[before]
            before |= 1 << k
        return gains

    orders = (rng.permutation(teachers) for _ in range(permutations // 2))
    pairs = np.array([(added(order) + added(order[::-1])) / 2 for order in orders])
    return pairs.mean(axis=0), pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))


def leave_one_out(value: Value, teachers: int) -> np.ndarray:
    """What all teachers together lose (K,) when one of them is left out; negative where they do better without it."""
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
