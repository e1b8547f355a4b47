"""One clip through a network before it is trained: a misfit is reported before hours are spent."""

from typing import Any

import torch
from torch import nn


def check_network(
    network: nn.Module, channels: int, recipe: dict[str, Any], num_classes: int, name: str
) -> None:
    """
    Run a clip of zeros through the network, which is not changed; nor is the global random state.

    recipe: gives the clip's frames and crop. Raises ValueError if the network cannot take such a clip,
    or returns anything but (1, num_classes) finite numbers.
    """
    clip_shape = channels, recipe["frames"], recipe["crop"], recipe["crop"]
    size = "x".join(map(str, clip_shape))
    device = next(network.parameters()).device
    was_training = network.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            logits = network.eval()(torch.zeros(1, *clip_shape, device=device))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"{name}: the network cannot take a clip of {size} (C x T x H x W): {error}"
        ) from error
    finally:
        network.train(was_training)
    given = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if given != (1, num_classes):
        raise ValueError(
            f"{name}: for a clip of {size} the network returns {given}, not (1, {num_classes}) logits"
        )
    if not torch.isfinite(logits).all():
        raise ValueError(
            f"{name}: for a clip of zeros the network's logits are not finite: {logits[0].tolist()}"
        )
