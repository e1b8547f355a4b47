"""
Ways of brightening a dark clip, each a modality by name: "same clip, other correction" can be a teacher.

gamma is the paper's. The others are from the low-light literature, built with OpenCV.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from ukdlib.frames.gamma import correct_gamma

DARKEST, BRIGHTEST = 1.0, 99.0  # percentiles of a clip that retinex maps to 0 and 255
WHOLE_CLIP = frozenset({"retinex"})  # transforms whose result for a frame depends on the others


def correct(frames: np.ndarray, transform: str, **options: Any) -> np.ndarray:
    """Corrected frames uint8 (T, H, W, 3) RGB of a clip; transform: a key of CORRECTIONS, options: of its function."""
    if transform not in CORRECTIONS:
        raise ValueError(f"unknown correction {transform!r}; known: {sorted(CORRECTIONS)}")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"corrections take frames uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")
    return CORRECTIONS[transform](frames, **options)


def clahe(frames: np.ndarray, clip_limit: float, tiles: int) -> np.ndarray:
    """
    Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of the lightness.

    clip_limit: how many times the mean a histogram bin may hold, 1 = hardly any contrast added; tiles: number in
    each direction. Hue and saturation (CIELAB a, b) stay.
    """
    if clip_limit <= 0 or tiles < 1:
        raise ValueError(f"clahe: clip_limit {clip_limit} and tiles {tiles} must be above 0")
    equalise = cv2.createCLAHE(clip_limit, (tiles, tiles))
    return np.stack([_on_lightness(frame, equalise.apply) for frame in frames])


def retinex(frames: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """
    Multi-scale retinex (Jobson, Rahman and Woodell, 1997) of the brightest channel, colours kept in proportion.

    Mean over sigmas (pixels) of log(v) - log(v blurred). One scale for the whole clip, by its percentiles;
    otherwise a flickering light would be equalised frame by frame.
    """
    if not sigmas or min(sigmas) <= 0:
        raise ValueError(f"retinex: sigmas are {list(sigmas)}; one or more numbers above 0 are needed")
    values = frames.max(axis=-1).astype(np.float32) + 1
    reflectance = np.stack([_reflectance(value, sigmas) for value in values])
    low, high = np.percentile(reflectance, (DARKEST, BRIGHTEST))
    brightness = 255 * np.clip((reflectance - low) / max(float(high - low), 1e-6), 0, 1)
    return np.clip(np.rint(frames * (brightness / values)[..., None]), 0, 255).astype(np.uint8)


CORRECTIONS: dict[str, Callable[..., np.ndarray]] = {
    "none": lambda frames: frames,
    "gamma": lambda frames, gamma: correct_gamma(frames, gamma),
    "clahe": clahe,
    "retinex": retinex,
}


def _reflectance(value: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """(H, W) float32 above 0 -> mean of log ratios to its surroundings."""
    blurred = [
        np.log(cv2.GaussianBlur(value, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)) for sigma in sigmas
    ]
    return np.log(value) - np.mean(blurred, axis=0)


def _on_lightness(frame: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)
    lab[..., 0] = change(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
