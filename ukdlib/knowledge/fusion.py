"""
From many teachers to one target distribution per clip: Eq. 4-12 of the paper, on arrays.

Axes: K teachers, N clips, C classes. Logits z are (K, N, C), labels (N,) class numbers. The fused target is
q(n) = sum_k w(n, k) softmax(z(k, n) / tau), with weights w that sum to 1 over the teachers; a method is a
weighting, a plain function in METHODS:

  single, mean, avg1, avg2   1/K for all; avg1 reports the mean of K divergences                 (Eq. 3-5)
  gtd                        inverse cross-entropy CE to the ground truth                        (Eq. 6-8)
  pkd                        inverse CE to mass h on the true class, the rest shared             (Eq. 11, 12)
  softmin_ce                 softmax over teachers of -CE to the label   (Radevski et al., ICCV 2023, gamma 1)
  ca_mkd                     (1 - softmax over teachers of CE to the label) / (K - 1)   (Zhang et al., ICASSP 2022)
  ebkd                       (1 - entropy / sum of the teachers' entropies) / (K - 1)     (Kwon et al., ICASSP 2020)

The paper's Eq. 8 normalises over clips and does not state the temperature of the weights. Here weights are
normalised over teachers and use the softmax at temperature 1, since at the distillation temperature all are
near 1/K. Sums are in double precision and log space, so every finite float32 logit is safe. Stacks of
teachers are only iterated over, one (N, C) at a time, so a lazy sequence keeps memory independent of K.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ukdlib.settings.config import NO_LABEL

LABEL_METHODS = frozenset(
    {"gtd", "pkd", "softmin_ce", "ca_mkd"}
)  # need the ground truth: never for evaluation
FLOOR = 1e-8  # least cross-entropy and entropy; a teacher that is certain and right would get infinite weight
TINY = float(np.finfo(np.float32).tiny)  # least probability whose logarithm is stored

Stack = Sequence[np.ndarray] | np.ndarray  # K arrays (N, C), or one (K, N, C)


def fused_knowledge(
    method: str,
    logits: Stack,
    labels: np.ndarray,
    tau: float,
    h: float = 0.99,
    weight_temperature: float = 1.0,
    fuse_as: str = "probabilities",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    What a student needs from K teachers: target (N, C), weights (N, K), constant (N,), all float64.

    constant is the method's reported divergence minus the divergence to the target, before the
    factor tau^2: for avg1 (Eq. 4) mean_k KL(q_k || p) = KL(target || p) + constant; other methods have 0.
    It does not depend on the student, so gradients are the same with and without it.
    """
    weights = teacher_weights(method, logits, labels, h, weight_temperature)
    target = fuse(logits, weights, tau, fuse_as)
    if method != "avg1":
        return target, weights, np.zeros(len(target))
    if fuse_as != "probabilities":
        raise ValueError(f"method 'avg1' is a mean of divergences (Eq. 4); it cannot fuse {fuse_as}")
    return target, weights, _spread(logits, target, tau)


def teacher_weights(
    method: str, logits: Stack, labels: np.ndarray, h: float = 0.99, weight_temperature: float = 1.0
) -> np.ndarray:
    """
    Weights (N, K) of the teachers of each clip, not negative, rows summing to 1.

    logits (K, N, C), labels (N,), NO_LABEL where a clip has none, which LABEL_METHODS refuse. h in (1/C, 1) is the mass
    of the true class in Eq. 11 (pkd only);
    weight_temperature > 0 softens the teachers before weighting (all methods except the averages).
    """
    if method not in METHODS:
        raise ValueError(f"unknown fusion method {method!r}; known: {sorted(METHODS)}")
    if len(logits) == 0:
        raise ValueError("no teachers; expected logits (K > 0 teachers, N clips, C classes)")
    if method == "single" and len(logits) > 1:
        raise ValueError(f"method 'single' takes one teacher, got {len(logits)}")
    if method not in LABEL_METHODS:
        labels = np.where(labels == NO_LABEL, 0, labels)  # they look at none
    return METHODS[method](_log_probabilities(logits, labels, weight_temperature), labels, h)


def fuse(logits: Stack, weights: np.ndarray, tau: float, fuse_as: str = "probabilities") -> np.ndarray:
    """
    Fused target (N, C), rows summing to 1, of logits (K, N, C), weights (N, K) at tau > 0 (Eq. 9, 10).

    fuse_as: "probabilities", sum_k w_k softmax(z_k / tau), as Eq. 5 and 9 are printed; "logits",
    softmax(sum_k w_k z_k / tau), as the text before Eq. 5 can be read.
    """
    if fuse_as not in FUSE_AS:
        raise ValueError(f"unknown fuse_as {fuse_as!r}; known: {list(FUSE_AS)}")
    if weights.shape[1] != len(logits):
        raise ValueError(f"weights {weights.shape} do not match {len(logits)} teachers")

    def softened(array: np.ndarray) -> np.ndarray:
        """Probabilities at temperature tau."""
        return np.exp(log_softmax(array, tau))

    before, after = (softened, np.asarray) if fuse_as == "probabilities" else (np.asarray, softened)
    # one teacher at a time: no second stack of K
    parts = (w[:, None] * before(z).astype(np.float64) for z, w in zip(logits, weights.T, strict=True))
    return after(sum(parts))


FUSE_AS = ("probabilities", "logits")


def consensus(logits: Stack) -> np.ndarray:
    """The class (N,) of the largest mean probability over the teachers, at temperature 1: a stand-in for the label."""
    return sum(np.exp(log_softmax(z)) for z in logits).argmax(axis=1)


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


def clamped_scores(logits: Stack, labels: np.ndarray, weight_temperature: float = 1.0) -> np.ndarray:
    """True (N, K) where a teacher's cross-entropy to the ground truth is below the floor that gtd needs."""
    return np.stack(
        [to_truth(q, labels) < FLOOR for q in _log_probabilities(logits, labels, weight_temperature)], axis=1
    )


def to_truth(log_probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross-entropy (N,) of log probabilities (N, C) to the one-hot label (Eq. 8)."""
    return -log_probs[np.arange(len(labels)), labels]


def to_preferred(log_probs: np.ndarray, labels: np.ndarray, h: float) -> np.ndarray:
    """Cross-entropy (N,) of log probabilities (N, C) to h on the true class, the rest shared (Eq. 11, 12)."""
    classes = log_probs.shape[1]
    if not 1 / classes < h < 1:
        raise ValueError(
            f"h is {h}; with {classes} classes it must lie between {1 / classes:.4g} and 1, both excluded"
        )
    truth = to_truth(log_probs, labels)
    others = -log_probs.sum(axis=1) - truth
    return h * truth + (1 - h) / (classes - 1) * others


def entropy(log_probs: np.ndarray) -> np.ndarray:
    """Entropy in nats (N,) of log probabilities (N, C)."""
    return -(np.exp(log_probs) * log_probs).sum(axis=-1)


# ---------------------------------------------------------------- weightings: (K log probabilities, labels, h)


def equal_weights(teachers: Iterator[np.ndarray], labels: np.ndarray, h: float) -> np.ndarray:
    """1/K for each teacher of each clip."""
    count = sum(1 for _ in teachers)
    return np.full((len(labels), count), 1 / count)


def nearness_to_truth(teachers: Iterator[np.ndarray], labels: np.ndarray, h: float) -> np.ndarray:
    """GTD: inverse cross-entropy to the label, not below FLOOR (Eq. 8)."""
    errors = np.array([to_truth(q, labels) for q in teachers])
    return _shares(1 / np.maximum(errors, FLOOR, out=errors))


def nearness_to_preferred(teachers: Iterator[np.ndarray], labels: np.ndarray, h: float) -> np.ndarray:
    """PKD: inverse cross-entropy to the preferred distribution, whose entropy bounds it from below (Eq. 12)."""
    return _shares(1 / np.array([to_preferred(q, labels, h) for q in teachers]))


def softmin_of_errors(teachers: Iterator[np.ndarray], labels: np.ndarray, h: float) -> np.ndarray:
    """Softmax over teachers of the negative cross-entropy to the label."""
    return _softmax_over_teachers([-to_truth(q, labels) for q in teachers])


def confidence_in_truth(teachers: Iterator[np.ndarray], labels: np.ndarray, h: float) -> np.ndarray:
    """CA-MKD: one minus the softmax over teachers of the cross-entropy to the label, over K - 1."""
    return _complements(_softmax_over_teachers([to_truth(q, labels) for q in teachers]))


def certainty(teachers: Iterator[np.ndarray], labels: np.ndarray, h: float) -> np.ndarray:
    """EBKD: one minus the teacher's share of all entropy, over K - 1; no label needed."""
    return _complements(_shares(np.maximum([entropy(q) for q in teachers], FLOOR)))


METHODS: dict[str, Callable[[Iterator[np.ndarray], np.ndarray, float], np.ndarray]] = {
    "single": equal_weights,
    "mean": equal_weights,
    "avg1": equal_weights,
    "avg2": equal_weights,
    "gtd": nearness_to_truth,
    "pkd": nearness_to_preferred,
    "softmin_ce": softmin_of_errors,
    "ca_mkd": confidence_in_truth,
    "ebkd": certainty,
}


def _log_probabilities(logits: Stack, labels: np.ndarray, weight_temperature: float) -> Iterator[np.ndarray]:
    """Log probabilities (N, C) of one teacher after the other, shapes and labels checked."""
    for teacher in logits:
        _check_shapes(teacher, labels)
        yield log_softmax(teacher, weight_temperature)


def _shares(scores: np.ndarray) -> np.ndarray:
    """(K, N) positive scores, overwritten, to weights (N, K): each clip's divided by their sum."""
    scores /= scores.max(axis=0)  # a sum of huge scores must not overflow
    scores /= scores.sum(axis=0)
    return scores.T


def _complements(shares: np.ndarray) -> np.ndarray:
    """One minus each of K teachers' shares, over K - 1 so that rows (N, K) sum to 1; a single teacher gets 1."""
    return (1 - shares) / (shares.shape[1] - 1) if shares.shape[1] > 1 else shares


def _softmax_over_teachers(scores: Sequence[np.ndarray]) -> np.ndarray:
    """K scores (N,) to shares (N, K)."""
    return np.exp(log_softmax(np.stack(scores, axis=1)))


def _spread(logits: Stack, target: np.ndarray, tau: float) -> np.ndarray:
    """Entropy of the mean of the teachers' distributions less the mean of their entropies (N,), >= 0."""
    mean = sum(entropy(log_softmax(teacher, tau)) for teacher in logits) / len(logits)
    return -(target * np.log(np.where(target > 0, target, 1))).sum(axis=-1) - mean


def _check_shapes(logits: np.ndarray, labels: np.ndarray) -> None:
    """Refuse one teacher's logits that are not (N, C), and labels that are not (N,) in 0 .. C-1."""
    if logits.ndim != 2:
        raise ValueError(f"a teacher's logits have shape {logits.shape}; expected (N clips, C classes)")
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels have shape {labels.shape}; logits {logits.shape} need {logits.shape[:1]}")
    outside = labels[(labels < 0) | (labels >= logits.shape[1])]
    if len(outside):
        raise ValueError(f"label {outside[0]} is not in 0 .. {logits.shape[1] - 1}")
