"""
TV-L1 optical flow of many pairs of frames at once: the solver of ukdlib.flow.tvl1_numba on torch tensors, for GPUs.

All pairs of a batch go through pyramid, warps and primal-dual steps together. Each stops by its own rule: a step
changes only pairs that have not converged, and the flags stay on the device; the host checks once between two
median filters whether any pair is still changing. Warp, median and steps are Triton kernels on a GPU
(ukdlib.flow.tvl1_triton), elsewhere tensor operations (ukdlib.flow.tvl1_tensors).
"""

import functools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from ukdlib.flow.triton_needs import explained
from ukdlib.flow.tvl1_settings import Field, Settings, Steps
from ukdlib.flow.tvl1_tensors import TENSORS, Operations

FLAT = 1.1920929e-07  # squared gradients below float32's epsilon carry no motion
SMALLEST = 16  # pixels: no pyramid level is smaller
# bytes that a batch may take, by the kind of device; a CPU gains nothing from large ones
BUDGET = {"cuda": 2**31, "cpu": 2**28}
# bytes of working memory for each pixel of each pair, which a test counts
PER_PIXEL = {"cuda": 100, "cpu": 200}
MOST = 2**14  # pairs of tiny frames in a batch: a kernel's grid has less than 2 ** 16 of them


def batched_flows(
    clips: Iterable[np.ndarray], settings: Settings, device: torch.device
) -> Iterator[torch.Tensor]:
    """
    For each clip, grey frames uint8 (T, H, W), the flow (T - 1, H, W, 2) float32 on the device.

    Pairs of successive clips of one size share a batch, as many as pairs_at_once says.
    """
    waiting: list[np.ndarray] = []
    for clip in clips:
        most = pairs_at_once(clip.shape[1:], device)
        if waiting and (clip.shape[1:] != waiting[0].shape[1:] or _pairs([*waiting, clip]) > most):
            yield from _solve_clips(waiting, settings, device)
            waiting = []
        waiting.append(clip)
    if waiting:
        yield from _solve_clips(waiting, settings, device)


def pairs_at_once(size: Sequence[int], device: torch.device) -> int:
    """How many pairs of frames of this size (H, W) keep a batch within its bytes; at least one."""
    return min(max(BUDGET[device.type] // (PER_PIXEL[device.type] * math.prod(size)), 1), MOST)


def solve_pairs(first: torch.Tensor, second: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Flow (B, H, W, 2) from frames uint8 (B, H, W) to the next ones."""
    starts, ends = (pyramid(frames, settings) for frames in (first, second))
    flow = None
    for start, end in zip(starts[::-1], ends[::-1], strict=True):
        flow = _start(start, flow, settings)
        duals = torch.zeros(2, *flow.shape, device=flow.device)  # zero on each level, not at each warp
        sought = torch.stack([end, *gradient(end)])
        for _ in range(settings.warps):
            flow = _warp(start, sought, flow, duals, settings)
    assert flow is not None
    return flow.permute(1, 2, 3, 0)


def pyramid(frames: torch.Tensor, settings: Settings) -> list[torch.Tensor]:
    """Levels (B, H, W) float32, fine to coarse, each scaled as OpenCV does."""
    levels = [frames.float()]
    for _ in range(1, settings.scales):
        size = [round(side * settings.scale_step) for side in levels[-1].shape[-2:]]
        if min(size) < SMALLEST:
            break
        levels.append(resize(levels[-1], size, 1 / settings.scale_step))
    return levels


def resize(images: torch.Tensor, size: list[int], step: float | None = None) -> torch.Tensor:
    """(..., H, W) -> (..., *size), bilinear, not smoothed; step: source pixels per target pixel, if not H / size."""
    rows, columns = (
        _weights(old, new, step or old / new).to(images.device)
        for old, new in zip(images.shape[-2:], size, strict=True)
    )
    return rows @ images @ columns.T


@functools.lru_cache(64)
def _weights(old: int, new: int, step: float) -> torch.Tensor:
    """(new, old) matrix of linear interpolation between pixel centres, replicated beyond the border."""
    places = ((torch.arange(new, dtype=torch.float64) + 0.5) * step - 0.5).clamp(0, old - 1)
    low = places.floor().long().clamp(max=max(old - 2, 0))
    share = (places - low).float()
    weights = torch.zeros(new, old)
    weights.scatter_(1, low[:, None], (1 - share)[:, None])
    return weights.scatter_add_(1, (low + 1).clamp(max=old - 1)[:, None], share[:, None])


def gradient(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Central differences of (B, H, W) in x and y, borders replicated."""
    edged = F.pad(images[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    return (edged[:, 1:-1, 2:] - edged[:, 1:-1, :-2]) / 2, (edged[:, 2:, 1:-1] - edged[:, :-2, 1:-1]) / 2


def _pairs(clips: list[np.ndarray]) -> int:
    return sum(len(clip) - 1 for clip in clips)


def _solve_clips(clips: list[np.ndarray], settings: Settings, device: torch.device) -> Iterator[torch.Tensor]:
    """The flow of each clip; frames are transferred as uint8."""
    frames = [torch.from_numpy(clip).to(device) for clip in clips]
    first, second = torch.cat([clip[:-1] for clip in frames]), torch.cat([clip[1:] for clip in frames])
    most = pairs_at_once(first.shape[1:], device)
    parts = zip(first.split(most), second.split(most), strict=True)
    flow = torch.cat([solve_pairs(*pair, settings) for pair in parts])
    yield from flow.split([len(clip) - 1 for clip in clips])


def _start(level: torch.Tensor, coarser: torch.Tensor | None, settings: Settings) -> torch.Tensor:
    """Flow (2, B, H, W) of the coarser level, upscaled, or zero."""
    if coarser is None:
        return torch.zeros(2, *level.shape, device=level.device)
    return (resize(coarser, list(level.shape[-2:])) / settings.scale_step).contiguous()


def _warp(
    start: torch.Tensor, sought: torch.Tensor, flow: torch.Tensor, duals: torch.Tensor, settings: Settings
) -> torch.Tensor:
    """
    The flow after the grey difference was linearised about it and each pair has converged; duals change in place.

    start: (B, H, W) first frames; sought: (3, B, H, W) second frames, d/dx and d/dy.
    """
    does = operations(flow.device)
    warped, gx, gy = does.sample(sought, flow)
    inverse = 1 / (gx * gx + gy * gy).clamp(min=FLAT)
    rho = warped - gx * flow[0] - gy * flow[1] - start
    field = Field(gx, gy, inverse, rho, flow, *duals)
    steps = Steps(
        settings.data_weight * settings.tightness,
        settings.tightness,
        settings.dual_step / settings.tightness,
        settings.epsilon**2 * start[0].numel(),
    )
    change = torch.full((settings.inner + 1, flow.shape[1]), math.inf, device=flow.device)
    for _ in range(settings.outer):
        moving = change[-1] > steps.enough
        if not moving.any():  # the host waits once in `inner` steps, which saves hundreds of useless launches
            break
        field = field._replace(flow=does.smooth(field.flow, moving))
        change[0] = change[-1]
        change[1:] = 0
        does.step(field, steps, change)
    return field.flow


def operations(device: torch.device) -> Operations:
    """Triton's kernels on a GPU, tensor operations elsewhere; RuntimeError if the kernels cannot be compiled."""
    return _kernels(device) if device.type == "cuda" else TENSORS


@functools.cache
def _kernels(device: torch.device) -> Operations:
    with explained():
        from ukdlib.flow.tvl1_triton import compiled

        return compiled(device)
