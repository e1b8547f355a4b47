"""
From stored frames to probabilities as one function: what is exported, and what it is compared with.

Frames are uint8, of any height and width; gamma, crops, scaling, normalisation, `moving`, the network, temperature and
softmax are inside.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from ukdlib.deploy.description import FILE, Description
from ukdlib.knowledge.calibration import TINY
from ukdlib.learning.augment import Modality, changes
from ukdlib.learning.views import CROP_POSITIONS
from ukdlib.networks import build_network


class Recogniser(nn.Module):
    """
    A network with its preprocessing: (frames, levels) -> (logits, probabilities).

    frames: uint8 (N, T, H, W, C), windows of the model's rate; levels: float32 (256,), the value of each level of the
    frames, 0 .. 255 (levels_of). logits: (N, V, C) of the V crops of each window; probabilities: (N, C), the mean over
    crops of softmax(logits), to the power 1 / temperature.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, modality: Modality, recipe: dict[str, Any], temperature: float):
        super().__init__()
        self.network, self.modality, self.temperature = network, modality, temperature
        self.crop, self.share = recipe["crop"], recipe["crop"] / recipe["test_short_side"]
        self.positions = CROP_POSITIONS[recipe["test_crops"]]
        if not modality.moving:
            for name, value in (("mean", modality.mean), ("std", modality.std)):
                self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1, 1, 1))

    def forward(self, frames: torch.Tensor, levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        pixels = levels.index_select(0, frames.flatten().int()).reshape(frames.shape).permute(0, 4, 1, 2, 3)
        crops = [self.network(self._seen(pixels, position)) for position in self.positions]
        logits = torch.stack(crops, dim=1)
        mean = torch.softmax(logits, dim=2).mean(dim=1)
        return logits, torch.softmax(mean.clamp(min=TINY).log() / self.temperature, dim=1)

    def _seen(self, pixels: torch.Tensor, position: float) -> torch.Tensor:
        """Network input of windows (N, C, T, H, W): one crop, which lies at `position` of the long side."""
        rows, columns = self._matrices(pixels.shape[3], pixels.shape[4], position)
        clips = rows @ pixels @ columns.T
        if self.modality.moving:
            return changes(clips)
        return clips * (1 / (255 * self.std)) - self.mean / self.std

    def _matrices(self, height: int, width: int, position: float) -> tuple[torch.Tensor, torch.Tensor]:
        """As ukdlib.learning.augment.crop_matrices, of one view; sizes are known when an exported graph runs."""
        rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
        tall, wide = rows[-1] + 0.5, columns[-1] + 0.5
        side = self.share * torch.minimum(tall, wide)
        landscape = (wide >= tall).float()
        x = landscape * position + (1 - landscape) * 0.5
        y = landscape * 0.5 + (1 - landscape) * position
        steps = side * ((torch.arange(self.crop) + 0.5) / self.crop)
        support = (side / self.crop).clamp(min=1)
        return _triangle(y * (tall - side) + steps, support, rows), _triangle(
            x * (wide - side) + steps, support, columns
        )


def _triangle(centres: torch.Tensor, support: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    weights = (1 - (pixels - centres[:, None]).abs() / support).clamp(min=0)
    return weights / weights.sum(dim=1, keepdim=True)


def recogniser(weights: str | Path, description: Description) -> Recogniser:
    """The packaged network, in eval mode on the CPU; that the file is the one that was packaged, the caller checks."""
    modality = Modality(**description.modality)
    network = build_network(
        num_classes=len(description.classes), in_channels=modality.channels, **description.network
    )
    try:
        network.load_state_dict(load_file(weights))
    except RuntimeError as error:  # names that are missing or left over, other sizes
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{weights}: not the weights of the network in {FILE}: {reason}") from None
    return Recogniser(network, modality, description.recipe, description.temperature).eval()
