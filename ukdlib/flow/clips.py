"""
Optical flow of a pair of frames or of a clip, its code in two bytes, its visualisation.

Flow is (..., 2) float32 in pixels, u to the right, then v down: second(x + u, y + v) ~ first(x, y). TV-L1
weights differences of grey levels against smoothness, so dark frames are brightened (ukdlib.frames.gamma) first.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ukdlib.flow.threads import in_a_thread
from ukdlib.flow.tvl1_settings import PRESETS, Settings

if TYPE_CHECKING:
    import torch

ZERO = 128  # code of zero motion
STEPS = 127  # codes on each side of it
WAITING = 32  # clips that are read ahead of a GPU, and as many that are solved ahead of the caller


def tvl1(first: np.ndarray, second: np.ndarray, preset: str = "opencv", backend: str = "numba") -> np.ndarray:
    """Flow (H, W, 2) between two grey frames uint8 (H, W)."""
    if first.shape != second.shape or first.ndim != 2 or {first.dtype, second.dtype} != {np.dtype(np.uint8)}:
        shapes = f"{first.dtype} {first.shape} and {second.dtype} {second.shape}"
        raise ValueError(f"flow needs two grey frames uint8 (H, W) of one size, got {shapes}")
    solve = _backend(backend)
    return next(solve([np.stack([first, second])], _settings(preset), None))[0]


def flow_clip(frames: np.ndarray, preset: str | None, bound: float, backend: str = "numba") -> np.ndarray:
    """
    Codes uint8 (T, H, W, 2) of the flow from each frame to the next, the last field repeated.

    frames: uint8 (T, H, W, 3) RGB, T >= 2.
    """
    return next(flow_clips([frames], preset, bound, backend))


def flow_clips(
    clips: Iterable[np.ndarray], preset: str | None, bound: float, backend: str = "numba"
) -> Iterator[np.ndarray]:
    """flow_clip of each clip; a backend may take pairs of several at once."""
    grey = (
        np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in _checked_clip(clip)]) for clip in clips
    )
    for codes in _backend(backend)(grey, _settings(preset), _checked(bound)):
        yield np.concatenate([codes, codes[-1:]])


@contextmanager
def flow_ahead(
    video_ids: Sequence[str],
    windows: Callable[[str], Iterable[np.ndarray]],
    preset: str | None,
    bound: float,
    backend: str,
) -> Iterator[Callable[[str], Iterator[np.ndarray]]]:
    """
    A function from a video's name to its codes, frame by frame, to be called in the order of video_ids.

    windows(video_id): its frames in windows of two or more, each beginning with the last frame of the one before.
    Memory is that of some windows, whatever the length of a video; a backend may take windows of several videos at
    once, and call windows() in another thread. What it does ahead ends with the context.
    """
    solver = preset, bound, backend
    work = _by_window((), windows, solver)
    ahead = groupby(work, itemgetter(0))
    due = -1

    def codes(video_id: str) -> Iterator[np.ndarray]:
        """The codes of one video; if it is not the one that follows, the work begins anew with it."""
        nonlocal work, ahead, due
        place = list(video_ids).index(video_id)
        if place != due:
            work.close()
            work = _by_window(video_ids[place:], windows, solver)
            ahead = groupby(work, itemgetter(0))
        due = place + 1
        _, found = next(ahead)
        for _, fields in found:
            yield from fields
        yield fields[-1]

    try:
        yield codes
    finally:
        work.close()


def _by_window(
    video_ids: Sequence[str],
    windows: Callable[[str], Iterable[np.ndarray]],
    solver: tuple[str | None, float, str],
) -> Generator[tuple[str, np.ndarray], None, None]:
    """(video, codes of the pairs in one window) of all windows of all videos."""
    handed = deque[str]()

    def clips() -> Iterator[np.ndarray]:
        """The windows; whose they are is in `handed`."""
        for video_id in video_ids:
            for window in windows(video_id):
                handed.append(video_id)
                yield window

    for codes in flow_clips(clips(), *solver):
        yield handed.popleft(), codes[:-1]


def _checked_clip(frames: np.ndarray) -> np.ndarray:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) < 2:
        raise ValueError(f"flow needs frames uint8 (T >= 2, H, W, 3), got {frames.dtype} {frames.shape}")
    return frames


# ---------------------------------------------------------------- backends

# (clips of grey frames uint8 (T, H, W), settings, bound) -> of each clip the codes uint8 (T - 1, H, W, 2),
# or without a bound the flow float32
Backend = Callable[[Iterable[np.ndarray], Settings, float | None], Iterator[np.ndarray]]


def _numba(clips: Iterable[np.ndarray], settings: Settings, bound: float | None) -> Iterator[np.ndarray]:
    from ukdlib.flow.tvl1_numba import flows

    return _clip_by_clip(partial(flows, settings=settings), clips, bound)


def _opencv(clips: Iterable[np.ndarray], settings: Settings, bound: float | None) -> Iterator[np.ndarray]:
    from ukdlib.flow.opencv import tvl1_flows

    return _clip_by_clip(partial(tvl1_flows, settings=settings), clips, bound)


def _dis(clips: Iterable[np.ndarray], settings: Settings, bound: float | None) -> Iterator[np.ndarray]:
    from ukdlib.flow.opencv import dis_flows

    return _clip_by_clip(dis_flows, clips, bound)


def _torch(clips: Iterable[np.ndarray], settings: Settings, bound: float | None) -> Iterator[np.ndarray]:
    """Clips are read in one thread and solved in another, so that a GPU waits neither for them nor for the caller."""
    return in_a_thread(_batched(in_a_thread(iter(clips), WAITING), settings, bound), WAITING)


def _batched(clips: Iterator[np.ndarray], settings: Settings, bound: float | None) -> Iterator[np.ndarray]:
    import torch

    from ukdlib.flow.tvl1_torch import batched_flows

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # which GPU is up to the caller
    for flow in batched_flows(clips, settings, device):
        yield (flow if bound is None else quantise_tensor(flow, bound)).cpu().numpy()


BACKENDS: dict[str, Backend] = {"numba": _numba, "torch": _torch, "opencv": _opencv, "dis": _dis}


def _clip_by_clip(
    flows: Callable[[np.ndarray], Iterator[np.ndarray]], clips: Iterable[np.ndarray], bound: float | None
) -> Iterator[np.ndarray]:
    for clip in clips:
        yield np.stack([flow.copy() if bound is None else quantise(flow, bound) for flow in flows(clip)])


# ---------------------------------------------------------------- code and visualisation


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """
    Codes uint8 128 + round(flow * 127 / bound) in 1 .. 255; values beyond +-bound pixels are clipped.

    Zero is represented exactly, while the usual map of [-bound, bound] to 0 .. 255 adds a constant motion.
    """
    return np.clip(np.rint(flow * (STEPS / _checked(bound))) + ZERO, ZERO - STEPS, ZERO + STEPS).astype(
        np.uint8
    )


def quantise_tensor(flow: "torch.Tensor", bound: float) -> "torch.Tensor":
    """The same of a tensor, on its device."""
    codes = (flow * (STEPS / _checked(bound))).round() + ZERO
    return codes.clamp(ZERO - STEPS, ZERO + STEPS).byte()


def dequantise(codes: np.ndarray, bound: float) -> np.ndarray:
    """Flow float32 in pixels, to half a step (bound / 254) within +-bound."""
    return (codes.astype(np.float32) - ZERO) * np.float32(_checked(bound) / STEPS)


def picture(flow: np.ndarray, full: float | None = None) -> np.ndarray:
    """
    RGB image uint8 (..., H, W, 3): direction is hue, length is saturation, no motion is white.

    flow: float (..., H, W, 2), or codes uint8, whose lengths are in steps; full: length drawn in full
    colour, by default the 99th percentile of the lengths, at least 1.
    """
    u, v = np.moveaxis(dequantise(flow, STEPS) if flow.dtype == np.uint8 else flow, -1, 0)
    length = np.hypot(u, v)
    full = full or max(float(np.quantile(length, 0.99)), 1.0)
    hue = np.degrees(np.arctan2(v, u)) % 360
    colour = np.stack([hue, np.clip(length / full, 0, 1), np.ones_like(hue)], axis=-1).astype(np.float32)
    rgb = cv2.cvtColor(colour.reshape(-1, 1, 3), cv2.COLOR_HSV2RGB)
    return np.rint(rgb * 255).astype(np.uint8).reshape(colour.shape)


def _backend(name: str) -> Backend:
    if name not in BACKENDS:
        raise ValueError(f"unknown flow backend {name!r}; known: {sorted(BACKENDS)}")
    return BACKENDS[name]


def _settings(preset: str | None) -> Settings:
    """None: for a backend without presets."""
    if preset is None:
        return Settings()
    if preset not in PRESETS:
        raise ValueError(f"unknown flow preset {preset!r}; known: {sorted(PRESETS)}")
    return PRESETS[preset]


def _checked(bound: float) -> float:
    if not 0 < bound < np.inf:
        raise ValueError(f"flow bound is {bound}; it must be a number of pixels > 0")
    return bound
