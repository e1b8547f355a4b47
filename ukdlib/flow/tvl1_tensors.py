"""
The operations of TV-L1 that cost time, as plain torch tensor operations: what its Triton kernels must agree with.

`Operations` is what the solver (ukdlib.flow.tvl1_torch) calls; `TENSORS` are the ones of this module, which compute
on any device. Those for GPUs are ukdlib.flow.tvl1_triton.KERNELS.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ukdlib.flow.tvl1_settings import Field, Steps

SUBPIXEL = 32  # OpenCV's remap has a resolution of 1/32 pixel
WINDOWS = 2**16  # 5x5 windows that the median unfolds at once: 7 MB, whatever the size of a frame


class Operations(NamedTuple):
    """
    What is done to a batch of B pairs between two looks of the host; all tensors float32 unless stated.

    sample(images (n, B, H, W), flow (2, B, H, W)): the images where the flow points to.
    smooth(flow, moving bool (B,)): a new flow, the 5x5 median of it in pairs that are moving, itself in others.
    step(field, steps, change): change (n + 1, B), row 0 given, row i + 1 becomes the summed squared update of step i.
    """

    sample: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    smooth: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    step: Callable[[Field, Steps, torch.Tensor], None]


# ---------------------------------------------------------------- images


def sample(images: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """
    Images (n, B, H, W) at the positions that the flow (2, B, H, W) points to: bicubic, zero outside.

    Tap by tap, as OpenCV's remap: grid_sample's positions in [-1, 1] are inexact, and zero motion would not stay zero.
    """
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n, device=flow.device) for n in (height, width)), indexing="ij")
    (low_x, taps_x), (low_y, taps_y) = (_taps(base + part) for base, part in zip((x, y), flow, strict=True))
    flat, sampled = images.flatten(2), torch.zeros_like(images)
    for row, weight_y in enumerate(taps_y):
        for column, weight_x in enumerate(taps_x):
            here_y, here_x = low_y + (row - 1), low_x + (column - 1)
            inside = (here_y >= 0) & (here_y < height) & (here_x >= 0) & (here_x < width)
            place = (here_y.clamp(0, height - 1) * width + here_x.clamp(0, width - 1)).flatten(1)
            values = flat.gather(2, place.expand(flat.shape)).view(images.shape)
            sampled += values * (weight_y * weight_x * inside)
    return sampled


def _taps(places: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(pixel below each position, weights of the four pixels around it): cubic convolution, OpenCV's a = -3/4."""
    places = torch.round(places * SUBPIXEL) / SUBPIXEL
    low = places.floor()
    t, a = places - low, -0.75
    first = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a
    second = ((a + 2) * t - (a + 3)) * t * t + 1
    third = ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1
    return low.long(), [first, second, third, 1 - first - second - third]


def smooth(flow: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
    """The median of pairs that are moving, other pairs as they are; an operation of `Operations`."""
    return torch.where(moving[:, None, None], median(flow), flow)


def median(flow: torch.Tensor) -> torch.Tensor:
    """Exact 5x5 median of (2, B, H, W), borders replicated."""
    edged = F.pad(flow, (2, 2, 2, 2), mode="replicate").flatten(0, 1)
    height, width = flow.shape[-2:]
    result = torch.empty_like(flow)
    rows = max(1, min(height, WINDOWS // width))
    images = max(1, WINDOWS // (rows * width))
    for first in range(0, len(edged), images):
        for top in range(0, height, rows):
            part = edged[first : first + images, top : top + rows + 4]
            windows = part.unfold(1, 5, 1).unfold(2, 5, 1).flatten(-2)
            target = result.flatten(0, 1)[first : first + images, top : top + rows]
            target.copy_(windows.median(dim=-1).values)
    return result


# ---------------------------------------------------------------- primal-dual steps


def plain_steps(field: Field, steps: Steps, change: torch.Tensor) -> None:
    """Primal-dual steps; an operation of `Operations`."""
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


TENSORS = Operations(sample, smooth, plain_steps)
