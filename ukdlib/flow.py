"""
Optical flow: TV-L1 of a pair of frames or of a clip, its code in two bytes, a picture of it for people.

Flow is (..., 2) float32 in pixels, u to the right, then v down: second(x + u, y + v) ~ first(x, y). TV-L1
weighs differences of grey levels against smoothness, so dark frames are brightened (ukdlib.gamma) first.
"""

import cv2
import numpy as np

from ukdlib.tvl1 import Settings, allocate, pyramid, solve

PRESETS: dict[str, Settings] = {
    "opencv": Settings(),  # agrees with OpenCV's DualTVL1OpticalFlow
    "fast": Settings(
        warps=2, outer=1
    ),  # 2-4 times as fast, and no worse on noisy frames: see benchmarks/flow.py
}
ZERO = 128  # code of no motion
STEPS = 127  # codes on either side of it


def tvl1(first: np.ndarray, second: np.ndarray, preset: str = "opencv") -> np.ndarray:
    """Flow (H, W, 2) between two grey frames uint8 (H, W)."""
    if first.shape != second.shape or first.ndim != 2 or {first.dtype, second.dtype} != {np.dtype(np.uint8)}:
        shapes = f"{first.dtype} {first.shape} and {second.dtype} {second.shape}"
        raise ValueError(f"flow needs two grey frames uint8 (H, W) of one size, got {shapes}")
    settings = _settings(preset)
    start, end = pyramid(first, settings), pyramid(second, settings)
    return solve(start, end, settings, allocate(start)).transpose(1, 2, 0).copy()


def flow_clip(frames: np.ndarray, preset: str, bound: float) -> np.ndarray:
    """
    Codes uint8 (T, H, W, 2) of the flow from each frame to the next, the last field given twice.

    frames: uint8 (T, H, W, 3) RGB, T >= 2.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) < 2:
        raise ValueError(f"flow needs frames uint8 (T >= 2, H, W, 3), got {frames.dtype} {frames.shape}")
    settings = _settings(preset)
    codes = np.empty((*frames.shape[:3], 2), np.uint8)
    first = pyramid(cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY), settings)
    work = allocate(first)
    for number in range(len(frames) - 1):
        second = pyramid(cv2.cvtColor(frames[number + 1], cv2.COLOR_RGB2GRAY), settings)
        codes[number] = quantise(solve(first, second, settings, work).transpose(1, 2, 0), bound)
        first = second
    codes[-1] = codes[-2]
    return codes


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """
    Codes uint8 128 + round(flow * 127 / bound) in 1 .. 255; what is beyond +-bound pixels is cut off.

    Zero is met exactly, where the usual map of [-bound, bound] to 0 .. 255 adds a constant motion.
    """
    return np.clip(np.rint(flow * (STEPS / _checked(bound))) + ZERO, ZERO - STEPS, ZERO + STEPS).astype(
        np.uint8
    )


def dequantise(codes: np.ndarray, bound: float) -> np.ndarray:
    """Flow float32 in pixels, to half a step (bound / 254) within +-bound."""
    return (codes.astype(np.float32) - ZERO) * np.float32(_checked(bound) / STEPS)


def picture(flow: np.ndarray, full: float | None = None) -> np.ndarray:
    """
    RGB picture uint8 (..., H, W, 3): direction is hue, length is saturation, no motion is white.

    flow: float (..., H, W, 2), or codes uint8, whose lengths count in steps; full: length drawn in full
    colour, by default the 99th percentile of the lengths, at least 1.
    """
    u, v = np.moveaxis(dequantise(flow, STEPS) if flow.dtype == np.uint8 else flow, -1, 0)
    length = np.hypot(u, v)
    full = full or max(float(np.quantile(length, 0.99)), 1.0)
    hue = np.degrees(np.arctan2(v, u)) % 360
    colour = np.stack([hue, np.clip(length / full, 0, 1), np.ones_like(hue)], axis=-1).astype(np.float32)
    rgb = cv2.cvtColor(colour.reshape(-1, 1, 3), cv2.COLOR_HSV2RGB)
    return np.rint(rgb * 255).astype(np.uint8).reshape(colour.shape)


def _settings(preset: str) -> Settings:
    if preset not in PRESETS:
        raise ValueError(f"unknown flow preset {preset!r}; known: {sorted(PRESETS)}")
    return PRESETS[preset]


def _checked(bound: float) -> float:
    if not 0 < bound < np.inf:
        raise ValueError(f"flow bound is {bound}; it must be a number of pixels > 0")
    return bound
