"""
One clip as the two pathways of a SlowFast network see it: all of its frames, and every alpha-th of them.
"""

from collections.abc import Callable

import torch
from torch import nn


class TwoPathways(nn.Module):
    """Splits a clip into the slow and the fast pathway and runs a SlowFast network on them."""

    slow: torch.Tensor

    def __init__(self, network: nn.Module, slow: list[int], frames: int):
        super().__init__()
        self.network = network
        self.frames = frames
        self.register_buffer(
            "slow", torch.tensor(slow), persistent=False
        )  # a list would be copied to a GPU again and again

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """clip: (N, C, T, H, W) -> (N, classes)."""
        if clip.shape[2] != self.frames:
            raise ValueError(f"slowfast: built for {self.frames} frames, the clip has {clip.shape[2]}")
        return self.network([clip[:, :, self.slow], clip])


def pick_slow(rule: str, frames: int, alpha: int) -> list[int]:
    """
    Which of the fast pathway's frames the slow pathway sees: frames // alpha of them.

    linspace: first to last frame, as PySlowFast samples (32 frames, alpha 8: 0, 10, 20, 31);
    nearest: every alpha-th frame, as MMAction2 samples (0, 8, 16, 24). Use the rule of the loaded weights.
    """
    if frames % alpha or frames < alpha:
        raise ValueError(f"slowfast: frames {frames} is not a multiple of alpha {alpha}")
    if rule not in SLOW_INDICES:
        raise ValueError(f"slowfast: unknown slow_indices {rule!r}; known: {sorted(SLOW_INDICES)}")
    return SLOW_INDICES[rule](frames, alpha)


SLOW_INDICES: dict[str, Callable[[int, int], list[int]]] = {
    "linspace": lambda frames, alpha: (
        torch.linspace(0, frames - 1, frames // alpha, device="cpu").long().tolist()
    ),
    "nearest": lambda frames, alpha: list(range(0, frames, alpha)),
}
