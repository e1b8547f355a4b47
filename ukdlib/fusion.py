"""
Many teachers to one target distribution per clip: Eq. 4-12 of the paper, on arrays.

Axes: K teachers, N clips, C classes. Logits z are (K, N, C), labels (N,) class numbers. The fused target is
q(n) = sum_k w(n, k) softmax(z(k, n) / tau), with weights w that sum to 1 over the teachers; only they differ.
A weight is the inverse of a cross-entropy to what the teacher should say, divided by the sum over teachers:

  single, mean, avg1, avg2   1 for all, so 1/K; avg1 reports the mean of K divergences   (Eq. 3-5)
  gtd                        cross-entropy to the true label                             (Eq. 6-8)
  pkd                        cross-entropy to mass h on the true class, the rest shared  (Eq. 11, 12)

The paper's Eq. 8 normalises over clips and leaves the temperature of the weights open. Here weights are
normalised over teachers and judge softmax at temperature 1, since at the distillation temperature all come
out near 1/K. Sums are in double precision and log space, so every finite float32 logit is safe.
"""

from collections.abc import Callable

import numpy as np

LABEL_METHODS = frozenset({"gtd", "pkd"})  # their weights need the true label: never for evaluation
FLOOR = 1e-8  # least cross-entropy; the weight of a teacher that is certain and right would be infinite
TINY = float(np.finfo(np.float32).tiny)  # least probability whose logarithm is stored

CrossEntropy = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def fused_knowledge(
    method: str,
    logits: np.ndarray,
    labels: np.ndarray,
    tau: float,
    h: float = 0.99,
    weight_temperature: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    What a student needs from K teachers: target (N, C), weights (N, K), constant (N,), all float64.

    constant is what the divergence to the target lacks of the divergence that the method reports, before the
    factor tau^2: for avg1 (Eq. 4) mean_k KL(q_k || p) = KL(target || p) + constant; other methods have 0.
    It does not depend on the student, so gradients are the same with and without it.
    """
    weights = teacher_weights(method, logits, labels, h, weight_temperature)
    target = fuse(logits, weights, tau)
    constant = _spread(logits, target, tau) if method == "avg1" else np.zeros(len(target))
    return target, weights, constant


def teacher_weights(
    method: str, logits: np.ndarray, labels: np.ndarray, h: float = 0.99, weight_temperature: float = 1.0
) -> np.ndarray:
    """
    Weights (N, K) of the teachers of each clip, not negative, rows summing to 1.

    logits (K, N, C), labels (N,). h in (1/C, 1) is the mass of the true class in Eq. 11 (pkd only);
    weight_temperature > 0 softens the teachers before they are judged (gtd, pkd).
    """
    if method not in METHODS:
        raise ValueError(f"unknown fusion method {method!r}; known: {sorted(METHODS)}")
    _check_shapes(logits, labels)
    if method == "single" and len(logits) > 1:
        raise ValueError(f"method 'single' takes one teacher, got {len(logits)}")
    judge = METHODS[method]
    cross_entropies = [judge(log_softmax(teacher, weight_temperature), labels, h) for teacher in logits]
    scores = 1 / np.maximum(cross_entropies, FLOOR)
    return (scores / scores.sum(axis=0)).T


def fuse(logits: np.ndarray, weights: np.ndarray, tau: float) -> np.ndarray:
    """Fused target (N, C), rows summing to 1, of logits (K, N, C), weights (N, K) at tau > 0 (Eq. 9, 10)."""
    target = np.zeros(logits.shape[1:])
    for teacher, weight in zip(logits, weights.T, strict=True):  # one at a time: no second stack of K
        target += weight[:, None] * np.exp(log_softmax(teacher, tau))
    return target


def log_softmax(logits: np.ndarray, tau: float = 1.0) -> np.ndarray:
    """Log of softmax(logits / tau) over the last axis, in double precision; finite for finite logits."""
    if not tau > 0:
        raise ValueError(f"temperature is {tau}; it must be positive")
    shifted = np.asarray(logits, dtype=np.float64) / tau
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_distribution(target: np.ndarray) -> np.ndarray:
    """Logits (float32) whose softmax is the distribution `target`; probabilities are at least 1e-38."""
    return np.log(np.maximum(target, TINY)).astype(np.float32)


def clamped_scores(logits: np.ndarray, labels: np.ndarray, weight_temperature: float = 1.0) -> np.ndarray:
    """True (N, K) where a teacher's cross-entropy to the true label lies below the floor that gtd needs."""
    _check_shapes(logits, labels)
    return np.stack([_to_truth(log_softmax(z, weight_temperature), labels) < FLOOR for z in logits], axis=1)


def _same_for_all(log_probs: np.ndarray, labels: np.ndarray, h: float) -> np.ndarray:
    """1 for every clip."""
    return np.ones(len(labels))


def _to_truth(log_probs: np.ndarray, labels: np.ndarray, h: float = 1.0) -> np.ndarray:
    """Cross-entropy (N,) of log probabilities (N, C) to the one-hot label (Eq. 8)."""
    return -log_probs[np.arange(len(labels)), labels]


def _to_preferred(log_probs: np.ndarray, labels: np.ndarray, h: float) -> np.ndarray:
    """Cross-entropy (N,) of log probabilities (N, C) to h on the true class, the rest shared (Eq. 11, 12)."""
    classes = log_probs.shape[1]
    if not 1 / classes < h < 1:
        raise ValueError(
            f"h is {h}; with {classes} classes it lies between {1 / classes:.4g} and 1, not at them"
        )
    truth = _to_truth(log_probs, labels)
    others = -log_probs.sum(axis=1) - truth
    return h * truth + (1 - h) / (classes - 1) * others


METHODS: dict[str, CrossEntropy] = {
    "single": _same_for_all,
    "mean": _same_for_all,
    "avg1": _same_for_all,
    "avg2": _same_for_all,
    "gtd": _to_truth,
    "pkd": _to_preferred,
}


def _spread(logits: np.ndarray, target: np.ndarray, tau: float) -> np.ndarray:
    """Entropy of the mean of the teachers' distributions less the mean of their entropies (N,), >= 0."""
    entropies = [_entropy(np.exp(log_softmax(teacher, tau))) for teacher in logits]
    return _entropy(target) - np.mean(entropies, axis=0)


def _entropy(probs: np.ndarray) -> np.ndarray:
    """Entropy in nats over the last axis, 0 log 0 = 0."""
    return -(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=-1)


def _check_shapes(logits: np.ndarray, labels: np.ndarray) -> None:
    """Refuse arrays that are not (K, N, C) and (N,) with labels in 0 .. C-1."""
    if logits.ndim != 3 or len(logits) == 0:
        raise ValueError(f"logits have shape {logits.shape}; expected (K > 0 teachers, N clips, C classes)")
    if labels.shape != logits.shape[1:2]:
        raise ValueError(f"labels have shape {labels.shape}; logits {logits.shape} need {logits.shape[1:2]}")
    outside = labels[(labels < 0) | (labels >= logits.shape[2])]
    if len(outside):
        raise ValueError(f"label {outside[0]} is not in 0 .. {logits.shape[2] - 1}")
