"""How far teachers are apart and how wrong they are, clip by clip, on arrays: K teachers, N clips, C classes."""

import numpy as np

from ukdlib.knowledge.fusion import TINY


def disagreement(probabilities: np.ndarray) -> np.ndarray:
    """
    Jensen-Shannon divergence (N,) in nats of the teachers of each clip, with equal weights (Lin, 1991): the entropy
    of their mean less the mean of their entropies, from 0 (all say the same) to ln K (all are certain, each of
    another class).

    probabilities: (K, N, C), rows summing to 1; a row of NaN is a teacher that did not see the clip and does not count,
    and a clip that none saw has NaN.
    """
    count = (~np.isnan(probabilities).any(axis=2)).sum(axis=0)
    within = np.nansum([_entropy(each) for each in probabilities], axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(probabilities, axis=0) / count[:, None]
        return np.maximum(_entropy(mean) - within / count, 0.0)  # below 0 by rounding only; NaN stays


def mean_loss(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """
    Cross-entropy (N,) of the labels in nats, its mean over the teachers that saw a clip.

    probabilities: (K, N, C) as above; labels: (N,) class numbers, negative where a clip has none, which gives NaN.
    """
    own = probabilities[:, np.arange(len(labels)), np.maximum(labels, 0)]  # (K, N)
    losses = -np.log(np.maximum(own, TINY))
    count = (~np.isnan(own)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(labels < 0, np.nan, np.nansum(losses, axis=0) / count)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """In nats, along the last axis; 0 log 0 = 0."""
    return -(probabilities * np.log(np.maximum(probabilities, TINY))).sum(axis=-1)
