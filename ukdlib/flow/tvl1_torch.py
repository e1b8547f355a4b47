"""
TV-L1 optical flow of many pairs of frames at once: the solver of ukdlib.flow.tvl1_numba on torch tensors, for GPUs.

All pairs of a batch go through pyramid, warps and primal-dual steps together. Each stops by its own rule: a step
changes only pairs that have not converged, and the flags stay on the device; the host checks once between two
median filters whether any pair is still changing. On a GPU with Triton the steps are two kernels
(ukdlib.flow.tvl1_triton), else plain tensor operations.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F

from ukdlib.flow.tvl1_settings import Field, Settings, Steps

FLAT = 1.1920929e-07  # squared gradients below float32's epsilon carry no motion
SMALLEST = 16  # pixels: no pyramid level is smaller
SUBPIXEL = 32  # OpenCV's remap has a resolution of 1/32 pixel
PAIRS = 256  # in a batch: 1.5 GB of working memory at 320x240


# (field, steps, change) -> None: change (n + 1, B), row 0 given, row i + 1 becomes the summed squared update of step i
Stepper = Callable[[Field, Steps, torch.Tensor], None]


def batched_flows(
    clips: Iterable[np.ndarray], settings: Settings, device: torch.device
) -> Iterator[torch.Tensor]:
    """
    For each clip, grey frames uint8 (T, H, W), the flow (T - 1, H, W, 2) float32 on the device.

    Pairs of successive clips of one size share a batch.
    """
    waiting: list[np.ndarray] = []
    for clip in clips:
        if waiting and (clip.shape[1:] != waiting[0].shape[1:] or _pairs([*waiting, clip]) > PAIRS):
            yield from _solve_clips(waiting, settings, device)
            waiting = []
        waiting.append(clip)
    if waiting:
        yield from _solve_clips(waiting, settings, device)


def solve_pairs(first: torch.Tensor, second: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Flow (B, H, W, 2) from frames uint8 (B, H, W) to the next ones."""
    starts, ends = (pyramid(frames, settings) for frames in (first, second))
    flow = None
    for start, end in zip(starts[::-1], ends[::-1], strict=True):
        flow = _start(start, flow, settings)
        duals = torch.zeros(2, *flow.shape, device=flow.device)  # zero on each level, not at each warp
        for _ in range(settings.warps):
            _warp(start, end, flow, duals, settings)
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
    parts = zip(first.split(PAIRS), second.split(PAIRS), strict=True)
    flow = torch.cat([solve_pairs(*pair, settings) for pair in parts])
    yield from flow.split([len(clip) - 1 for clip in clips])


def _start(level: torch.Tensor, coarser: torch.Tensor | None, settings: Settings) -> torch.Tensor:
    """Flow (2, B, H, W) of the coarser level, upscaled, or zero."""
    if coarser is None:
        return torch.zeros(2, *level.shape, device=level.device)
    return (resize(coarser, list(level.shape[-2:])) / settings.scale_step).contiguous()


def _warp(
    start: torch.Tensor, end: torch.Tensor, flow: torch.Tensor, duals: torch.Tensor, settings: Settings
) -> None:
    """Linearise the grey difference about the current flow, then improve it, in place, until each pair converges."""
    warped, gx, gy = _sampled([end, *gradient(end)], flow)
    inverse = 1 / (gx * gx + gy * gy).clamp(min=FLAT)
    rho = warped - gx * flow[0] - gy * flow[1] - start
    field = Field(gx, gy, inverse, rho, flow, *duals)
    steps = Steps(
        settings.data_weight * settings.tightness,
        settings.tightness,
        settings.dual_step / settings.tightness,
        settings.epsilon**2 * start[0].numel(),
    )
    step = stepper(flow.device)
    change = torch.full((settings.inner + 1, flow.shape[1]), math.inf, device=flow.device)
    for _ in range(settings.outer):
        moving = (change[-1] > steps.enough)[:, None, None]
        if not moving.any():  # the host waits once in `inner` steps, which saves hundreds of useless launches
            break
        flow.copy_(torch.where(moving, median(flow), flow))
        change[0] = change[-1]
        change[1:] = 0
        step(field, steps, change)


def _sampled(images: list[torch.Tensor], flow: torch.Tensor) -> list[torch.Tensor]:
    """
    Images (B, H, W) at the positions that the flow points to: bicubic, zero outside.

    Tap by tap, as OpenCV's remap: grid_sample's positions in [-1, 1] are inexact, and zero motion would not stay zero.
    """
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n, device=flow.device) for n in (height, width)), indexing="ij")
    (low_x, taps_x), (low_y, taps_y) = (_taps(base + part) for base, part in zip((x, y), flow, strict=True))
    stacked = torch.stack(images, 1).flatten(2)  # (B, n, H * W)
    sampled = torch.zeros(*stacked.shape[:2], height, width, device=flow.device)
    for row, weight_y in enumerate(taps_y):
        for column, weight_x in enumerate(taps_x):
            here_y, here_x = low_y + (row - 1), low_x + (column - 1)
            inside = (here_y >= 0) & (here_y < height) & (here_x >= 0) & (here_x < width)
            place = (here_y.clamp(0, height - 1) * width + here_x.clamp(0, width - 1)).flatten(1)
            values = stacked.gather(2, place[:, None].expand(stacked.shape)).unflatten(2, (height, width))
            sampled += values * (weight_y * weight_x * inside)[:, None]
    return [image.contiguous() for image in sampled.unbind(1)]


def _taps(places: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(pixel below each position, weights of the four pixels around it): cubic convolution, OpenCV's a = -3/4."""
    places = torch.round(places * SUBPIXEL) / SUBPIXEL
    low = places.floor()
    t, a = places - low, -0.75
    first = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a
    second = ((a + 2) * t - (a + 3)) * t * t + 1
    third = ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1
    return low.long(), [first, second, third, 1 - first - second - third]


def median(flow: torch.Tensor) -> torch.Tensor:
    """Exact 5x5 median of (2, B, H, W), borders replicated."""
    edged = F.pad(flow, (2, 2, 2, 2), mode="replicate")
    windows = edged.unfold(2, 5, 1).unfold(3, 5, 1).flatten(-2)
    return windows.median(dim=-1).values


def plain_steps(field: Field, steps: Steps, change: torch.Tensor) -> None:
    """Primal-dual steps as tensor operations; a Stepper."""
    for number in range(len(change) - 1):
        moving = change[number] > steps.enough
        if number % 10 == 0 and not moving.any():
            return
        mask = moving[:, None, None]
        u, v = field.flow
        match = -(field.rho + field.gx * u + field.gy * v) * field.inverse
        match = match.clamp(-steps.limit, steps.limit)
        update = torch.stack([match * field.gx, match * field.gy]) + steps.tightness * _divergence(field)
        update = torch.where(mask, update, 0)
        field.flow.add_(update)
        change[number + 1] = (update * update).sum(dim=(0, 2, 3))
        right = F.pad(field.flow[..., 1:] - field.flow[..., :-1], (0, 1))
        below = F.pad(field.flow[..., 1:, :] - field.flow[..., :-1, :], (0, 0, 0, 1))
        scale = 1 / (1 + steps.dual_step * torch.sqrt(right * right + below * below))
        for dual, slope in ((field.across, right), (field.down, below)):
            dual.copy_(torch.where(mask, (dual + steps.dual_step * slope) * scale, dual))


def _divergence(field: Field) -> torch.Tensor:
    left, above = F.pad(field.across[..., :-1], (1, 0)), F.pad(field.down[..., :-1, :], (0, 0, 1, 0))
    return field.across - left + field.down - above


def stepper(device: torch.device) -> Stepper:
    """Triton's kernels on a GPU, tensor operations elsewhere."""
    if device.type != "cuda":
        return plain_steps
    from ukdlib.flow.tvl1_triton import triton_steps

    return triton_steps
