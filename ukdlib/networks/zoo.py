"""
Networks from clips to class logits, by name and flat options.

Every network takes a clip (N, C, T, H, W) of float numbers and returns logits (N, classes), so that training,
export and measurement need not know which one it is. A new one is a function and an entry of FAMILIES, or, without
changing this library, a function of the user's own, named as `module:function`.

A family is imported only when one of its networks is built: no job loads libraries that it does not need,
and no training depends on the code of another family.
"""

import inspect
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

FAMILIES = {  # arch, the name of a function -> the module of this folder that defines it
    "slowfast": "slowfast",
    "slowfast_r50_4x16": "slowfast",
    "slowfast_r50_8x8": "slowfast",
    "nl_i3d": "nonlocal_i3d",
    "nl_i3d_r50": "nonlocal_i3d",
    "nl_i3d_r101": "nonlocal_i3d",
    "csn": "pytorchvideo_zoo",
    "ir_csn_r152": "pytorchvideo_zoo",
    "tpn": "tpn",
    "tpn_r50": "tpn",
    "x3d": "pytorchvideo_zoo",
    "r2plus1d": "pytorchvideo_zoo",
    "mvit": "pytorchvideo_zoo",
    "torchvision": "torchvision_zoo",
    "huggingface": "huggingface",
}


def family_of(arch: str) -> str:
    """The module of ukdlib.networks that builds networks of this arch, a key of FAMILIES or `module:function`."""
    if arch not in FAMILIES and ":" not in arch:
        raise ValueError(
            f"unknown network arch {arch!r}; known: {sorted(FAMILIES)}, or module:function for one of your own"
        )
    return f"ukdlib.networks.{FAMILIES.get(arch, 'own')}"


def builder(arch: str) -> "Callable[..., nn.Module]":
    """The function (num_classes, in_channels, *, options) -> network of this arch."""
    family = import_module(family_of(arch))
    return getattr(family, arch) if arch in FAMILIES else partial(family.own_network, arch)


def build_network(arch: str, num_classes: int, in_channels: int, **options: Any) -> "nn.Module":
    """
    A network for clips of `in_channels` channels (3 for RGB, 2 for flow) and `num_classes` classes.

    arch: a key of FAMILIES, or `module:function`; options: keyword arguments of the function, `frames` (T of
    the clip) among them.
    """
    function = builder(arch)
    if arch in FAMILIES:
        _check_options(arch, function, options)
    network = function(num_classes, in_channels, **options)
    network.made_of = {"arch": arch, "num_classes": num_classes, "in_channels": in_channels, **options}  # type: ignore[assignment]
    return network


def _check_options(arch: str, function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Check that a function of FAMILIES takes these options, and needs no others."""
    parameters = list(inspect.signature(function).parameters.values())[2:]
    known = {parameter.name for parameter in parameters}
    needed = {parameter.name for parameter in parameters if parameter.default is parameter.empty}
    if unknown := sorted(set(options) - known):
        raise ValueError(f"network arch {arch!r} has no option {', '.join(unknown)}; known: {sorted(known)}")
    if missing := sorted(needed - set(options)):
        raise ValueError(f"network arch {arch!r} lacks option {', '.join(missing)}")


def initial_network(settings: dict[str, Any], num_classes: int, in_channels: int, seed: int) -> "nn.Module":
    """The network that `settings` (arch and options) describe, with the random weights of `seed`."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(num_classes=num_classes, in_channels=in_channels, **settings)


class Carried:
    """
    A network to be sent to another process: it unpickles there as the network.

    One from build_network is built again there and gets the weights. Not all modules of libraries can be pickled,
    nor imported by name before their builder has prepared it.
    """

    def __init__(self, network: "nn.Module"):
        self.network = network

    def __reduce__(self):
        made_of = getattr(self.network, "made_of", None)
        return _received, (self.network if made_of is None else self.network.state_dict(), made_of)


def _received(content: Any, made_of: dict[str, Any] | None) -> "nn.Module":
    if made_of is None:
        return content
    network = build_network(**made_of)
    network.load_state_dict(content)
    return network
