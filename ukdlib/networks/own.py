"""
A network of the user's own, named as `module:function`.

The function has the signature (num_classes, in_channels, **options) -> torch.nn.Module; options are the other keys
of the network's entry, `frames` among them. The module is looked up in the working directory and among the
installed packages. The network is tried on one clip of zeros before anything is trained.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

TRIAL_CROP = 224  # pixels of the trial clip if the options do not name `crop`


def own_network(arch: str, num_classes: int, in_channels: int, **options: Any) -> nn.Module:
    """The network that the function `arch` (module:function) returns, checked to return (N, num_classes) logits."""
    if "frames" not in options:
        raise ValueError(f"network arch {arch!r} lacks option frames, the length of its clips")
    function = find_function(arch)
    try:
        inspect.signature(function).bind(num_classes, in_channels, **options)
    except TypeError as error:
        raise ValueError(f"network arch {arch!r} does not take these options: {error}") from None
    network = function(num_classes, in_channels, **options)
    if not isinstance(network, nn.Module):
        raise ValueError(f"network arch {arch!r} returned {type(network).__name__}, not a torch.nn.Module")
    crop = options.get("crop", TRIAL_CROP)
    clip_shape = (1, in_channels, options["frames"], crop, crop)
    shape = _trial(arch, network, clip_shape)
    if shape != (1, num_classes):
        raise ValueError(
            f"network arch {arch!r} returns {_shape_text(shape)} for a clip {_shape_text(clip_shape)}; "
            f"it must return logits {_shape_text((1, num_classes))}"
        )
    return network


def find_function(arch: str) -> Callable[..., Any]:
    """The function that `module:function` names; the working directory comes before installed packages."""
    module_name, _, name = arch.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise ValueError(f"network arch {arch!r} is not of the form module:function")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise ValueError(f"network arch {arch!r}: {module_name} needs a package: {error}") from error
        raise ValueError(
            f"network arch {arch!r}: no module {module_name!r} in {here} or among the installed packages"
        ) from None
    finally:
        sys.path.remove(here)
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(key for key, value in vars(module).items() if callable(value) and key[0] != "_")
        raise ValueError(f"network arch {arch!r}: {module_name} has no function {name!r}; it has {known}")
    return function


def _trial(arch: str, network: nn.Module, clip_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the network's output, without memory and time where its operators allow (meta tensors)."""
    training = network.training
    network.eval()
    try:
        return _shape_on(network, clip_shape, "meta")
    except Exception:
        try:
            return _shape_on(network, clip_shape, "cpu")
        except Exception as error:
            raise ValueError(
                f"network arch {arch!r} fails on a clip {_shape_text(clip_shape)}: {error}; "
                "if it takes only one size, set it as option crop"
            ) from error
    finally:
        network.train(training)


def _shape_on(network: nn.Module, clip_shape: tuple[int, ...], device: str) -> tuple[int, ...]:
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with torch.no_grad():
        clip = torch.zeros(clip_shape, device=device)
        output = functional_call(network, {name: value.to(device) for name, value in state.items()}, (clip,))
    return tuple(output.shape) if isinstance(output, torch.Tensor) else ()


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})" if shape else "no tensor"
