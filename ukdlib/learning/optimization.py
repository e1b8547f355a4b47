"""
How a network's weights are updated: optimizer, learning rates, frozen parts, moving average, saved memory.

Set by a recipe; the defaults are the paper's training. Independent of videos.
"""

import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from ukdlib.machine import distributed


class Learner:
    """A network with all that updates it; `state_dict` holds what an interrupted training needs to resume."""

    def __init__(self, network: nn.Module, recipe: dict[str, Any]):
        network = distributed.with_common_statistics(network)
        self.network, self.recipe = network, recipe
        freeze(network, recipe["freeze"])
        self.optimizer = make_optimizer(network, recipe)
        self.average = copy.deepcopy(network) if recipe["ema"] else None
        set_training_mode(network, recipe)
        if recipe["save_memory"]:
            recompute_activations(network)
        # the same, with the gradients of all processes, and compiled if the recipe asks for that
        self.parallel = distributed.parallel(network)
        if recipe["compile"]:
            self.parallel.compile(dynamic=False)  # clips have one size

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def step(self, progress: float, number: int) -> None:
        """Update the weights by the accumulated gradients; progress in epochs, number of steps before this one."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, progress) * group["scale"]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe["clip_grad"])
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            follow(self.average, self.network, min(self.recipe["ema"], (1 + number) / (10 + number)))

    def finish(self) -> None:
        """Replace the weights by their moving average, if one is kept."""
        if self.average is not None:
            self.network.load_state_dict(self.average.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Weights, momenta and moving average."""
        average = None if self.average is None else self.average.state_dict()
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": average,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a stored state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def make_optimizer(network: nn.Module, recipe: dict[str, Any]) -> torch.optim.Optimizer:
    """
    The recipe's optimizer over all weights that are not frozen; momentum is that of SGD, or the first beta of AdamW.

    Two groups, each with its `scale` of the learning rate: the network, and its head at recipe["head_lr"].
    """
    if recipe["optimizer"] not in OPTIMIZERS:
        raise ValueError(f"recipe: unknown optimizer {recipe['optimizer']!r}; known: {sorted(OPTIMIZERS)}")
    head = {id(weight) for weight in head_of(network).parameters()}
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError(f"recipe: freeze {recipe['freeze']} leaves nothing to train")
    groups = [
        {"params": [w for w in weights if id(w) not in head], "scale": 1.0},
        {"params": [w for w in weights if id(w) in head], "scale": float(recipe["head_lr"])},
    ]
    return OPTIMIZERS[recipe["optimizer"]]([group for group in groups if group["params"]], recipe)


OPTIMIZERS: dict[str, Callable[[Any, dict[str, Any]], torch.optim.Optimizer]] = {
    "sgd": lambda groups, recipe: torch.optim.SGD(
        groups, recipe["lr"], recipe["momentum"], weight_decay=recipe["weight_decay"]
    ),
    "adamw": lambda groups, recipe: torch.optim.AdamW(
        groups, recipe["lr"], (recipe["momentum"], 0.999), weight_decay=recipe["weight_decay"], fused=True
    ),
}


def learning_rate(recipe: dict[str, Any], progress: float) -> float:
    """Rate after `progress` epochs (with fractions): linear warm-up, then half a cosine down to 0."""
    warmup, epochs = recipe["warmup_epochs"], recipe["epochs"]
    if progress < warmup:
        return recipe["lr"] * progress / warmup
    return recipe["lr"] * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (epochs - warmup)))


def head_of(network: nn.Module) -> nn.Module:
    """The last module that has weights of its own: the layer that gives the class logits."""
    return [module for module in network.modules() if list(module.parameters(recurse=False))][-1]


def freeze(network: nn.Module, prefixes: Sequence[str]) -> None:
    """Exclude the weights whose names begin with one of the prefixes from training."""
    names = [name for name, _ in network.named_parameters()]
    for prefix in prefixes:
        if not any(_within(name, prefix) for name in names):
            tops = sorted({".".join(name.split(".")[:3]) for name in names})
            raise ValueError(
                f"recipe: freeze names {prefix!r}, but no weight name begins with it; known beginnings: {tops}"
            )
    for name, weight in network.named_parameters():
        weight.requires_grad_(not any(_within(name, prefix) for prefix in prefixes))


def set_training_mode(network: nn.Module, recipe: dict[str, Any]) -> None:
    """
    Put the network in training mode, except frozen parts and, with batch_norm "frozen", every batch norm.

    A batch norm in evaluation mode uses its stored mean and variance and does not change them.
    """
    if recipe["batch_norm"] not in BATCH_NORMS:
        raise ValueError(f"recipe: unknown batch_norm {recipe['batch_norm']!r}; known: {list(BATCH_NORMS)}")
    network.train()
    for name, module in network.named_modules():
        frozen_part = any(_within(name, prefix) for prefix in recipe["freeze"])
        if frozen_part or (recipe["batch_norm"] == "frozen" and isinstance(module, _BatchNorm)):
            module.train(False)


BATCH_NORMS = ("train", "frozen")
LAYERS = 4  # a shorter list of modules is a detail, not a network's sequence of stages


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * network, weights and buffers; whole numbers are copied."""
    pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
    means, values = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    get_ema_multi_avg_fn(decay)(means, values, None)  # all at once: a GPU need not be called for each
    for mean, value in pairs:
        if not mean.is_floating_point():
            mean.copy_(value)


def recompute_activations(network: nn.Module) -> None:
    """
    Gradient checkpointing: each stage keeps only its input and is recomputed in the backward pass.

    A batch norm then sees every batch twice; with momentum 1 - sqrt(1 - m) its stored statistics are the same as
    from one pass with momentum m.
    """
    for stage in _stages(network):
        stage.forward = functools.partial(checkpoint, stage.forward, use_reentrant=False)
        for module in stage.modules():
            if isinstance(module, _BatchNorm) and module.momentum is not None:
                module.momentum = 1 - math.sqrt(1 - module.momentum)


def _stages(network: nn.Module) -> Iterator[nn.Module]:
    """
    The stages of the network: the elements of its outermost list of four or more, such as a
    transformer's layers; if there is none, the first level of modules with more than one child.
    """
    lists = [m for m in _by_depth(network) if isinstance(m, nn.ModuleList) and len(m) >= LAYERS]
    children = list((lists[0] if lists else network).children())
    while len(children) == 1:
        children = list(children[0].children())
    yield from (child for child in children if any(True for _ in child.parameters()))


def _by_depth(network: nn.Module) -> list[nn.Module]:
    """All modules, outer ones first."""
    return [module for _, module in sorted(network.named_modules(), key=lambda pair: pair[0].count("."))]


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")
