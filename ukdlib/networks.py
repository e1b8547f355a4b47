"""
The zoo of networks: a name and flat options in, a module from clips to class logits out.

Every network takes a clip (N, C, T, H, W) of float numbers and returns logits (N, classes), so that training,
export and measurement need not know which one it is. A new one is a function and an entry of NETWORKS.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ukdlib.torchvision_import import roi_align_left_out

with roi_align_left_out():
    from pytorchvideo.models.slowfast import create_slowfast


def build_network(arch: str, num_classes: int, in_channels: int, **options: Any) -> nn.Module:
    """
    A network for clips of `in_channels` channels (3 for RGB, 2 for flow) and `num_classes` classes.

    arch: a key of NETWORKS; options: keyword arguments of its function, `frames` (T of the clip) among them.
    """
    if arch not in NETWORKS:
        raise ValueError(f"unknown network arch {arch!r}; known: {sorted(NETWORKS)}")
    known = inspect.getfullargspec(NETWORKS[arch]).kwonlyargs
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"network arch {arch!r} has no option {', '.join(unknown)}; known: {sorted(known)}")
    if "frames" not in options:
        raise ValueError(f"network arch {arch!r} lacks option frames, the length of its clips")
    return NETWORKS[arch](num_classes, in_channels, **options)


def initial_network(settings: dict[str, Any], num_classes: int, in_channels: int, seed: int) -> nn.Module:
    """The network that `settings` (arch and options) describe, with the random weights of `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(num_classes=num_classes, in_channels=in_channels, **settings)


def pick_slow(rule: str, frames: int, alpha: int) -> list[int]:
    """
    Which of the fast pathway's frames the slow pathway sees: frames // alpha of them.

    linspace: first to last frame, as PySlowFast samples (32 frames, alpha 8: 0, 10, 20, 31);
    nearest: every alpha-th frame, as MMAction2 samples (0, 8, 16, 24). Use the rule of the loaded weights.
    """
    if frames % alpha or frames < alpha:
        raise ValueError(f"slowfast: frames {frames} is no multiple of alpha {alpha}")
    if rule not in SLOW_INDICES:
        raise ValueError(f"slowfast: unknown slow_indices {rule!r}; known: {sorted(SLOW_INDICES)}")
    return SLOW_INDICES[rule](frames, alpha)


SLOW_INDICES: dict[str, Callable[[int, int], list[int]]] = {
    "linspace": lambda frames, alpha: torch.linspace(0, frames - 1, frames // alpha).long().tolist(),
    "nearest": lambda frames, alpha: list(range(0, frames, alpha)),
}


DEPTHS = [18, 50, 101, 152]


class TwoPathways(nn.Module):
    """Makes the slow and the fast pathway out of one clip and runs a SlowFast network on them."""

    def __init__(self, network: nn.Module, slow: list[int], frames: int):
        super().__init__()
        self.network = network
        self.slow, self.frames = slow, frames

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """clip: (N, C, T, H, W) -> (N, classes)."""
        if clip.shape[2] != self.frames:
            raise ValueError(f"slowfast: built for {self.frames} frames, the clip has {clip.shape[2]}")
        return self.network([clip[:, :, self.slow], clip])


def slowfast(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    depth: int = 50,
    width: int = 64,
    alpha: int = 8,
    beta: int = 8,
    dropout: float = 0.5,
    slow_indices: str = "linspace",
    slow_stem: Sequence[int] = (1, 7, 7),
    fast_stem: Sequence[int] = (5, 7, 7),
    stem_stride: int = 2,
) -> nn.Module:
    """
    SlowFast (Feichtenhofer et al., ICCV 2019) with lateral connections; 4x16 R50 of the paper: frames 32.

    frames: T of the clip = frames of the fast pathway; depth: 18, 50, 101 or 152 (pytorchvideo's 18 has one
    bottleneck per stage); width: channels of the slow stem; alpha: fast frames per slow frame; beta: how many
    times thinner the fast pathway is; slow_stem, fast_stem: kernels (T, H, W) of the stems. The published
    fast stem is half of the cost of a thin network on small crops: (5, 3, 3) is the cheap one.
    """
    if depth not in DEPTHS:
        raise ValueError(f"slowfast: unknown depth {depth}; known: {DEPTHS}")
    if width % beta or width < beta:
        raise ValueError(f"slowfast: width {width} is no multiple of beta {beta}")
    network = create_slowfast(
        slowfast_channel_reduction_ratio=(beta,),
        slowfast_fusion_conv_stride=(alpha, 1, 1),  # pytorchvideo's default of 4 only fits alpha 4
        input_channels=(in_channels, in_channels),
        model_depth=depth,
        model_num_class=num_classes,
        dropout_rate=dropout,
        stem_dim_outs=(width, width // beta),
        stem_conv_kernel_sizes=(tuple(slow_stem), tuple(fast_stem)),
        stem_conv_strides=((1, stem_stride, stem_stride),) * 2,
        head_pool=nn.AdaptiveAvgPool3d,  # any crop; the default kernels only fit 4 and 32 frames of 224
        head_output_size=((1, 1, 1), (1, 1, 1)),
    )
    return TwoPathways(network, pick_slow(slow_indices, frames, alpha), frames)


NETWORKS: dict[str, Callable[..., nn.Module]] = {"slowfast": slowfast}
