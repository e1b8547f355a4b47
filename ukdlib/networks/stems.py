"""
Networks with RGB weights converted for another number of channels: flow has two.

Only the convolutions that take the clip change: one, or one per pathway; a transformer's patch embedding is one
too. Kinetics weights for flow are not public. Rules, for a weight w of three channels:

    mean       every channel gets the mean of w over the three; a grey clip then gives C/3 of the RGB response
    rescaled   the mean times 3/C: a grey clip gives the RGB response itself
    first      the first C of the three channels as they are
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ukdlib.networks.pathways import TwoPathways

RULES: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "mean": lambda weight, channels: _mean(weight, channels),
    "rescaled": lambda weight, channels: _mean(weight, channels) * (weight.shape[1] / channels),
    "first": lambda weight, channels: weight[:, [c % weight.shape[1] for c in range(channels)]],
}
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)


def convert_stem(
    network: nn.Module, in_channels: int, rule: str, stems: Sequence[str] | None = None
) -> nn.Module:
    """
    The network, changed in place, for clips of `in_channels` channels instead of three.

    rule: a key of RULES; stems: names of the convolutions that take the clip, if they cannot be detected.
    """
    if rule not in RULES:
        raise ValueError(f"stem: unknown rule {rule!r}; known: {sorted(RULES)}")
    for name in find_stems(network) if stems is None else stems:
        stem = network.get_submodule(name)
        assert isinstance(stem, CONVOLUTIONS)
        if stem.groups != 1:
            raise ValueError(f"stem: {stem} is a grouped convolution, whose channels cannot be converted")
        weight = RULES[rule](stem.weight.detach(), in_channels).clone()
        stem.weight = nn.Parameter(weight, requires_grad=stem.weight.requires_grad)
        stem.in_channels = in_channels
        holder: Any = network.get_submodule(name.rpartition(".")[0])
        if hasattr(holder, "num_channels"):  # Hugging Face's patch embeddings check the clip against it
            holder.num_channels = in_channels
    return network


def find_stems(network: nn.Module, channels: int = 3) -> list[str]:
    """
    Names of the convolutions that take the clip: those of `channels` channels.

    For SlowFast only those of the stems, since a thin fast pathway may have three channels inside as well.
    """
    prefix = "network.blocks.0.multipathway_blocks." if isinstance(network, TwoPathways) else ""
    found = [
        name
        for name, module in network.named_modules()
        if isinstance(module, CONVOLUTIONS) and module.in_channels == channels and name.startswith(prefix)
    ]
    if not found:
        raise ValueError(f"stem: no convolution of the network takes {channels} channels")
    if len(found) > 1 and not prefix:
        raise ValueError(f"stem: several convolutions take {channels} channels: {found}; name the stems")
    return found


def _mean(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """(out, in, ...) -> (out, channels, ...)."""
    return weight.mean(dim=1, keepdim=True).expand(-1, channels, *weight.shape[2:])
