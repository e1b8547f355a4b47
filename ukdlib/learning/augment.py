"""
Crop, resize, flip and normalise a batch of clips on the network's device.

Frames are transferred as uint8. Scaling with an antialiasing triangle filter, cropping and horizontal flips are linear
in the rows and in the columns of a frame, so a clip takes two matrix products, whatever its size. They are computed
clip by clip: a whole batch in float does not fit a CPU's cache (1.6 times slower) and is large on a GPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ukdlib.learning.views import Views
from ukdlib.machine.transfers import constant, upload
from ukdlib.pictures.changes import FAR, STILL

FLIP = 3  # place among the numbers of a crop


@dataclass(frozen=True)
class Modality:
    """Properties of the network's input pixels."""

    name: str
    mean: float | list[float]  # of pixels in [0, 1]; one value, or one per channel
    std: float | list[float]
    flow: bool  # two channels of codes; a horizontal flip negates u, that is code -> 256 - code
    moving: bool = False  # what changes in each clip, in place of its pixels; without mean and std

    @property
    def channels(self) -> int:
        """2 for flow, 3 for RGB."""
        return 2 if self.flow else 3


def augment(
    frames: torch.Tensor, sizes: torch.Tensor, views: Views, crop: int, modality: Modality
) -> torch.Tensor:
    """
    Clips as network input: (N, C, T, crop, crop) float32, normalised.

    frames: (N, T, H, W, C) uint8, smaller clips zero-padded below and to the right; sizes: (N, 2) their true
    heights and widths; views: N views. Equal to scaling whole frames as F.interpolate(..., mode="bilinear",
    antialias=True) does, then cropping, then flipping.
    """
    numbers = upload(_numbers(sizes, views), frames.device)
    rows, columns = crop_matrices(numbers, crop, frames.shape[2:4])
    clips = torch.stack([_cut(*clip) for clip in zip(frames, rows, columns, strict=True)])
    if modality.moving:
        return changes(clips)
    if modality.flow:
        flipped = numbers[:, FLIP].reshape(-1, 1, 1, 1)
        clips[:, 0] += flipped * (256 - 2 * clips[:, 0])
    mean, std = (_per_channel(value, clips) for value in (modality.mean, modality.std))
    return clips.mul_(1 / (255 * std)).sub_(mean / std)


def changes(clips: torch.Tensor) -> torch.Tensor:
    """
    What moves in clips (N, C, T, H, W): each less its own mean over time, divided by the standard deviation of all that
    remains, within -FAR .. FAR.

    The same whatever still picture or constant light is added and however the exposure is scaled; 0 where nothing
    changes at all. It takes the place and the light out of the picture while the camera holds still.
    """
    changed = clips - clips.mean(dim=2, keepdim=True)
    spread = changed.square().mean(dim=(1, 2, 3, 4), keepdim=True).sqrt()
    return changed.div_(spread.clamp(min=STILL)).clamp_(-FAR, FAR)


def _cut(frames: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """(T, H, W, C) uint8, (crop, H), (crop, W) -> (C, T, crop, crop) float32."""
    frame_count, height, width, channels = frames.shape
    low = rows @ frames.reshape(frame_count, height, width * channels).float()
    low = low.reshape(frame_count, -1, width, channels).permute(3, 0, 1, 2)
    return low @ columns.T


def _numbers(sizes: torch.Tensor, views: Views) -> torch.Tensor:
    """What a batch's crops follow from, float32 (N, 6): side, y, x and flip of the views, heights and widths."""
    shown = np.stack([views.side, views.y, views.x, views.flip], axis=1)
    return torch.cat([torch.from_numpy(shown), sizes.float()], dim=1)


def crop_matrices(
    numbers: torch.Tensor, crop: int, padded: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (N, crop, H) and columns (N, crop, W) that scale, crop and flip; numbers as above, padded: (H, W)."""
    side, y, x, flip, height, width = numbers.split(1, dim=1)
    side = side * torch.minimum(height, width)
    steps = (torch.arange(crop, device=numbers.device) + 0.5) / crop
    flipped = torch.where(flip > 0, 1 - steps, steps)
    rows = _triangle(y * (height - side) + side * steps, side / crop, height, padded[0])
    columns = _triangle(x * (width - side) + side * flipped, side / crop, width, padded[1])
    return rows, columns


def _triangle(centres: torch.Tensor, scale: torch.Tensor, size: torch.Tensor, padded: int) -> torch.Tensor:
    """Weights (N, crop, padded) of pixels around `centres` (N, crop), none beyond `size` (N, 1)."""
    support = scale.clamp(min=1)[:, :, None]  # as wide as an output pixel: no aliasing
    pixels = torch.arange(padded, device=centres.device) + 0.5
    weights = (1 - (pixels - centres[:, :, None]).abs() / support).clamp(min=0)
    weights = weights * (pixels < size[:, :, None])
    return weights / weights.sum(dim=2, keepdim=True)


def _per_channel(value: float | list[float], clips: torch.Tensor) -> torch.Tensor:
    values = tuple(value) if isinstance(value, list) else (value,)
    return constant(values, clips.device).reshape(-1, 1, 1, 1)
