"""OpenCV's own optical flow: TV-L1, the reference for this project's solvers, and DIS, a cheaper method."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import cv2
import numpy as np

from ukdlib.flow.tvl1_settings import Settings


def tvl1_flows(frames: np.ndarray, settings: Settings) -> Iterator[np.ndarray]:
    """Flow (H, W, 2) float32 from each frame to the next of uint8 (T, H, W): DualTVL1OpticalFlow."""
    solver = cv2.optflow.DualTVL1OpticalFlow_create(  # type: ignore[attr-defined]
        tau=settings.dual_step,
        lambda_=settings.data_weight,
        theta=settings.tightness,
        nscales=settings.scales,
        warps=settings.warps,
        epsilon=settings.epsilon,
        innnerIterations=settings.inner,  # sic
        outerIterations=settings.outer,
        scaleStep=settings.scale_step,
    )
    return _flows(frames, solver.calc)


def dis_flows(frames: np.ndarray) -> Iterator[np.ndarray]:
    """The same by dense inverse search (Kroeger et al. 2016), OpenCV's preset `medium`."""
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    return _flows(frames, dis.calc)


def _flows(frames: np.ndarray, calc: Callable) -> Iterator[np.ndarray]:
    for first, second in pairwise(frames):
        yield calc(first, second, None)
