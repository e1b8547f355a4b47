"""A published network as one of its family: some options are fixed, a few can be chosen."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from torch import nn

Build = Callable[..., nn.Module]  # (num_classes, in_channels, *, options) -> network


def preset(build: Build, choosable: Sequence[str], **settings: Any) -> Build:
    """
    `build` with these settings. Only its options named in `choosable` can be chosen; their defaults are those of
    settings, else those of build. The signature shows them, since options are checked against it.
    """
    signature = inspect.signature(build)
    shape = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    options = [signature.parameters[name] for name in choosable]
    options = [option.replace(default=settings.get(option.name, option.default)) for option in options]

    @wraps(build)
    def built(num_classes: int, in_channels: int, **options: Any) -> nn.Module:
        """The network; options: some of the choosable ones."""
        return build(num_classes, in_channels, **{**settings, **options})

    built.__signature__ = signature.replace(parameters=[*shape, *options])  # type: ignore[attr-defined]
    return built
