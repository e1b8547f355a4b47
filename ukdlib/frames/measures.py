"""Statistics of a clip's pixels or flow codes: brightness, clipping, noise, motion. Arrays in, numbers out."""

import cv2
import numpy as np

from ukdlib.flow.clips import STEPS, ZERO, dequantise

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of R, G, B in a grey value (BT.601)
SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def measure_pictures(frames: np.ndarray) -> dict[str, float]:
    """
    For frames uint8 (T, H, W, 3): mean grey and its 5th and 95th percentile in 0 .. 255, the shares of values that
    are 0 and 255, and the noise level (see noise), in grey levels.
    """
    grey = frames.astype(np.float32) @ LUMA
    low, high = np.percentile(grey, (5, 95))
    return {
        "mean": float(grey.mean()),
        "dark": float(low),
        "bright": float(high),
        "black": float((frames == 0).mean()),
        "white": float((frames == 255).mean()),
        "noise": float(np.mean([noise(picture) for picture in grey])),
    }


def noise(grey: np.ndarray) -> float:
    """
    Standard deviation of white noise in an image (H, W), as estimated by Immerkaer (CVIU, 1996).

    The mean of the absolute second difference in both directions, which edges and slopes hardly affect.
    """
    if min(grey.shape) < 3:
        return 0.0
    response = cv2.filter2D(np.asarray(grey, np.float32), cv2.CV_32F, SECOND_DIFFERENCE)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(response).mean())


def measure_flow(codes: np.ndarray, bound: float) -> dict[str, float]:
    """
    For flow codes uint8 (T, H, W, 2): mean length and its 95th percentile in pixels per frame, and the share of
    vectors that the code clips at +-bound.
    """
    length = np.hypot(*np.moveaxis(dequantise(codes, bound), -1, 0))
    return {
        "speed": float(length.mean()),
        "fast": float(np.percentile(length, 95)),
        "clipped": clipped_share(codes),
    }


def clipped_share(codes: np.ndarray) -> float:
    """Share of vectors with a component at the largest code."""
    return float((np.abs(codes.astype(np.int16) - ZERO) >= STEPS).any(axis=-1).mean())
