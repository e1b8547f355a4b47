"""Levels of brightness in 8 and in 16 bits: what is computed from them is rounded once, at the end."""

import cv2
import numpy as np

WHITE = 65535  # the brightest of 16 bits
STEP = 257  # of them to one of 8 bits: 255 * 257 = 65535


def as_levels(frames: np.ndarray) -> np.ndarray:
    """uint16 of uint8 values of any shape, exact; uint16 as it is."""
    return frames if frames.dtype == np.uint16 else frames.astype(np.uint16) * np.uint16(STEP)


def as_bytes(levels: np.ndarray) -> np.ndarray:
    """uint8 of uint16 levels of any shape, rounded; uint8 as it is."""
    if levels.dtype == np.uint8:
        return levels
    return cv2.convertScaleAbs(levels.reshape(-1, 1, 1), alpha=1 / STEP).reshape(levels.shape)


def resize(frames: np.ndarray, short_side: int | None) -> np.ndarray:
    """
    Frames (T, H, W, 3) of 8 or 16 bits with min(H, W) = short_side, by area when shrinking; None changes nothing.
    """
    height, width = frames.shape[1:3]
    if short_side is None or short_side == min(height, width):
        return frames
    scale = short_side / min(height, width)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames])
