"""
Ways of brightening a dark clip, each a modality by name: "same clip, other correction" can be a teacher.

gamma is the paper's. The others are from the low-light literature, built with OpenCV.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from ukdlib.frames.gamma import correct_gamma
from ukdlib.pictures.levels import as_bytes, as_levels, resize

DARKEST, BRIGHTEST = 1.0, 99.0  # percentiles of a clip that retinex maps to 0 and 255
REACH, FINE = 6, 1000  # of the histogram of log ratios: its ends, and its bins in one unit


def correct_clip(
    open_frames: Callable[[], Iterable[np.ndarray]],
    transform: str,
    short_side: int | None = None,
    **options: Any,
) -> Iterator[np.ndarray]:
    """
    Corrected frames uint8 (H, W, 3) RGB of a clip one by one, resized if short_side is given; rounded once.

    open_frames(): its frames, uint8 or uint16 levels (H, W, 3); called twice if the correction of a frame depends on
    the others. transform: a key of CORRECTIONS, options: of its function. Resized before it is corrected: light is
    averaged, not its brightened values, and noise becomes no grey veil.
    """
    if transform not in CORRECTIONS:
        raise ValueError(f"unknown correction {transform!r}; known: {sorted(CORRECTIONS)}")
    if transform in OF_WHOLE_CLIP:
        options = OF_WHOLE_CLIP[transform](_resized(open_frames(), short_side), **options)
    for frame in _resized(open_frames(), short_side):
        yield CORRECTIONS[transform](frame, **options)


def correct(frames: np.ndarray, transform: str, **options: Any) -> np.ndarray:
    """correct_clip of frames uint8 or uint16 (T, H, W, 3)."""
    if frames.ndim != 4:
        raise ValueError(f"corrections take frames (T, H, W, 3), got {frames.shape}")
    return np.stack(list(correct_clip(lambda: frames, transform, **options)))


def _resized(frames: Iterable[np.ndarray], short_side: int | None) -> Iterator[np.ndarray]:
    for frame in frames:
        if frame.dtype not in (np.uint8, np.uint16) or frame.ndim != 3 or frame.shape[-1] != 3:
            raise ValueError(
                f"corrections take frames uint8 or uint16 (H, W, 3), got {frame.dtype} {frame.shape}"
            )
        same = short_side in (None, min(frame.shape[:2]))
        yield frame if same else resize(as_levels(frame)[None], short_side)[0]


def clahe(frame: np.ndarray, clip_limit: float, tiles: int) -> np.ndarray:
    """
    Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of the lightness.

    clip_limit: how many times the mean a histogram bin may hold, 1 = hardly any contrast added; tiles: number in
    each direction. Hue and saturation (CIELAB a, b) stay. The histogram has 256 bins of lightness.
    """
    if clip_limit <= 0 or tiles < 1:
        raise ValueError(f"clahe: clip_limit {clip_limit} and tiles {tiles} must be above 0")
    lab = cv2.cvtColor(_in_unit(frame), cv2.COLOR_RGB2LAB)
    lightness = np.rint(lab[..., 0] * 2.55).astype(np.uint8)  # of 0 to 100
    lab[..., 0] = cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(lightness) / np.float32(2.55)
    return _rounded(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def retinex(frame: np.ndarray, sigmas: Sequence[float], span: tuple[float, float]) -> np.ndarray:
    """
    Multi-scale retinex (Jobson, Rahman and Woodell, 1997) of the brightest channel, colours kept in proportion.

    Mean over sigmas (pixels) of log(v) - log(v blurred); span: what of it becomes black and white (retinex_span).
    """
    frame = 255 * _in_unit(frame)
    value = frame.max(axis=-1) + 1
    low, high = span
    brightness = 255 * np.clip((_reflectance(value, sigmas) - low) / max(high - low, 1e-6), 0, 1)
    return _rounded(frame * (brightness / value)[..., None])


def retinex_span(frames: Iterable[np.ndarray], sigmas: Sequence[float]) -> dict[str, Any]:
    """
    Options of retinex for all frames of a clip: one scale, by percentiles of their reflectance.

    Otherwise a flickering light would be equalised frame by frame. To 1/1000 of a natural logarithm.
    """
    if not sigmas or min(sigmas) <= 0:
        raise ValueError(f"retinex: sigmas are {list(sigmas)}; one or more numbers above 0 are needed")
    counts = np.zeros(2 * REACH * FINE + 1, np.int64)  # reflectance is between -+log(256)
    for frame in frames:
        found = _reflectance(255 * _in_unit(frame).max(axis=-1) + 1, sigmas)
        counts += np.bincount(np.rint((found + REACH) * FINE).astype(int).ravel(), minlength=len(counts))
    shares = np.cumsum(counts) / max(counts.sum(), 1)
    low, high = (float(np.searchsorted(shares, share / 100)) / FINE - REACH for share in (DARKEST, BRIGHTEST))
    return {"sigmas": sigmas, "span": (low, high)}


CORRECTIONS: dict[str, Callable[..., np.ndarray]] = {
    "none": as_bytes,
    "gamma": correct_gamma,
    "clahe": clahe,
    "retinex": retinex,
}
# options of a correction whose result for a frame depends on the others, from all frames and the options given
OF_WHOLE_CLIP: dict[str, Callable[..., dict[str, Any]]] = {"retinex": retinex_span}


def _in_unit(frame: np.ndarray) -> np.ndarray:
    """float32 in [0, 1]."""
    return frame * np.float32(1 / np.iinfo(frame.dtype).max)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _reflectance(value: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """(H, W) float32 above 0 -> mean of log ratios to its surroundings."""
    blurred = [
        np.log(cv2.GaussianBlur(value, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)) for sigma in sigmas
    ]
    return np.log(value) - np.mean(blurred, axis=0)
