"""
A name and flat options in, a network from clips to class logits out.

Every network takes a clip (N, C, T, H, W) of float numbers and returns logits (N, classes), so that training,
export and measurement need not know which one it is. A new one is a function and an entry of NETWORKS, or, without
touching this library, a function of the user's own, named as `module:function`.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from ukdlib.networks.huggingface import huggingface_network
from ukdlib.networks.nonlocal_i3d import nl_i3d, nl_i3d_r50, nl_i3d_r101
from ukdlib.networks.own import own_network
from ukdlib.networks.pytorchvideo_zoo import csn, ir_csn_r152, mvit, r2plus1d, x3d
from ukdlib.networks.slowfast import slowfast, slowfast_r50_4x16, slowfast_r50_8x8
from ukdlib.networks.torchvision_zoo import torchvision_network
from ukdlib.networks.tpn import tpn, tpn_r50

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "slowfast": slowfast,
    "slowfast_r50_4x16": slowfast_r50_4x16,
    "slowfast_r50_8x8": slowfast_r50_8x8,
    "nl_i3d": nl_i3d,
    "nl_i3d_r50": nl_i3d_r50,
    "nl_i3d_r101": nl_i3d_r101,
    "csn": csn,
    "ir_csn_r152": ir_csn_r152,
    "tpn": tpn,
    "tpn_r50": tpn_r50,
    "x3d": x3d,
    "r2plus1d": r2plus1d,
    "mvit": mvit,
    "torchvision": torchvision_network,
    "huggingface": huggingface_network,
}


def build_network(arch: str, num_classes: int, in_channels: int, **options: Any) -> nn.Module:
    """
    A network for clips of `in_channels` channels (3 for RGB, 2 for flow) and `num_classes` classes.

    arch: a key of NETWORKS, or `module:function`; options: keyword arguments of the function, `frames` (T of
    the clip) among them.
    """
    function = partial(own_network, arch) if ":" in arch else _known_function(arch, options)
    network = function(num_classes, in_channels, **options)
    network.made_of = {"arch": arch, "num_classes": num_classes, "in_channels": in_channels, **options}  # type: ignore[assignment]
    return network


def _known_function(arch: str, options: dict[str, Any]) -> Callable[..., nn.Module]:
    """The entry of NETWORKS, if it takes these options."""
    if arch not in NETWORKS:
        raise ValueError(
            f"unknown network arch {arch!r}; known: {sorted(NETWORKS)}, or module:function for one of your own"
        )
    known = inspect.getfullargspec(NETWORKS[arch])
    unknown = sorted(set(options) - set(known.kwonlyargs))
    if unknown:
        raise ValueError(
            f"network arch {arch!r} has no option {', '.join(unknown)}; known: {sorted(known.kwonlyargs)}"
        )
    missing = sorted(set(known.kwonlyargs) - set(known.kwonlydefaults or {}) - set(options))
    if missing:
        raise ValueError(f"network arch {arch!r} lacks option {', '.join(missing)}")
    return NETWORKS[arch]


def initial_network(settings: dict[str, Any], num_classes: int, in_channels: int, seed: int) -> nn.Module:
    """The network that `settings` (arch and options) describe, with the random weights of `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(num_classes=num_classes, in_channels=in_channels, **settings)


class Carried:
    """
    A network on its way to another process: what is unpickled there is the network.

    One of build_network is built anew there and takes over the weights. Libraries' modules cannot all be
    pickled, nor imported by name before what their builder sees to.
    """

    def __init__(self, network: nn.Module):
        self.network = network

    def __reduce__(self):
        made_of = getattr(self.network, "made_of", None)
        return _received, (self.network if made_of is None else self.network.state_dict(), made_of)


def _received(content: Any, made_of: dict[str, Any] | None) -> nn.Module:
    if made_of is None:
        return content
    network = build_network(**made_of)
    network.load_state_dict(content)
    return network
