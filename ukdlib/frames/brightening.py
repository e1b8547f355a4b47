"""Dark pictures for people: small enough to be looked at many at a time, and bright enough to be seen."""

import numpy as np

from ukdlib.frames.gamma import correct_gamma
from ukdlib.pictures.levels import WHITE, as_levels, resize

SEEN = 0.42  # share of white that the mean of a picture is brought to
MOST = 4.0  # largest gamma: beyond it, noise is all there is


def gamma_for(picture: np.ndarray) -> float:
    """The gamma, 1 to MOST, that brings the mean of a picture (uint8 or uint16) to SEEN, or as near as it may."""
    mean = float(as_levels(picture).mean()) / WHITE
    if mean <= 0 or mean >= SEEN:
        return MOST if mean <= 0 else 1.0
    return float(np.clip(np.log(mean) / np.log(SEEN), 1.0, MOST))


def bright(picture: np.ndarray, gamma: float, short_side: int | None = None) -> np.ndarray:
    """Picture (H, W, 3) as uint8, corrected (Eq. 13); larger ones are reduced to short_side."""
    if short_side is not None and min(picture.shape[:2]) > short_side:
        picture = resize(as_levels(picture)[None], short_side)[0]
    return correct_gamma(picture, gamma)
