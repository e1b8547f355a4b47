"""
SlowFast (Feichtenhofer et al., ICCV 2019): two pathways that see the clip at two frame rates.

The network is pytorchvideo's. What is added here: one clip in instead of a list of two, the published
lateral kernels and strides, and heads that fit any crop. As in PySlowFast a batch normalisation and a ReLU follow
each lateral convolution; MMAction2 has neither, hence 928 parameters less (at 4x16 and 8x8 R50): lateral_norm.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from ukdlib.torchvision_import import roi_align_left_out

with roi_align_left_out():
    from pytorchvideo.models.slowfast import FastToSlowFusionBuilder, create_slowfast


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
    "linspace": lambda frames, alpha: (
        torch.linspace(0, frames - 1, frames // alpha, device="cpu").long().tolist()
    ),
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
    fusion_kernel: int = 7,
    lateral_norm: bool = True,
) -> nn.Module:
    """
    SlowFast (Feichtenhofer et al., ICCV 2019) with lateral connections; 4x16 R50 of the paper: frames 32.

    frames: T of the clip = frames of the fast pathway; depth: 18, 50, 101 or 152 (pytorchvideo's 18 has one
    bottleneck per stage); width: channels of the slow stem; alpha: fast frames per slow frame; beta: how many
    times thinner the fast pathway is; slow_stem, fast_stem: kernels (T, H, W) of the stems; fusion_kernel:
    length in time of the lateral convolutions; lateral_norm: whether a normalisation and a ReLU follow them, as in
    PySlowFast; false for weights of MMAction2. The published fast stem is half of the cost of a thin network
    on small crops: (5, 3, 3) is the cheap one.
    """
    if depth not in DEPTHS:
        raise ValueError(f"slowfast: unknown depth {depth}; known: {DEPTHS}")
    if width % beta or width < beta:
        raise ValueError(f"slowfast: width {width} is no multiple of beta {beta}")
    network = create_slowfast(
        slowfast_channel_reduction_ratio=(beta,),
        fusion_builder=_lateral(alpha, beta, fusion_kernel, lateral_norm).create_module,
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


def _lateral(alpha: int, beta: int, kernel: int, norm: bool) -> FastToSlowFusionBuilder:
    """What makes the connections from the fast pathway to the slow one."""
    return FastToSlowFusionBuilder(
        slowfast_channel_reduction_ratio=beta,
        conv_fusion_channel_ratio=2,
        conv_kernel_size=(kernel, 1, 1),
        conv_stride=(alpha, 1, 1),  # pytorchvideo's default of 4 only fits alpha 4
        norm=nn.BatchNorm3d if norm else None,
        activation=nn.ReLU if norm else None,
    )


def slowfast_r50_4x16(
    num_classes: int,
    in_channels: int,
    *,
    frames: int = 32,
    dropout: float = 0.5,
    slow_indices: str = "linspace",
    lateral_norm: bool = True,
) -> nn.Module:
    """
    The paper's SlowFast: 4 slow frames 16 apart, 32 fast ones 2 apart, alpha 8, lateral kernels of 5 frames.

    Kernel 5 is that of PySlowFast (SLOWFAST_4x16_R50.yaml) and of MMAction2's 4x16; `slowfast` has 7.
    """
    return slowfast(
        num_classes,
        in_channels,
        frames=frames,
        alpha=8,
        fusion_kernel=5,
        dropout=dropout,
        slow_indices=slow_indices,
        lateral_norm=lateral_norm,
    )


def slowfast_r50_8x8(
    num_classes: int,
    in_channels: int,
    *,
    frames: int = 32,
    dropout: float = 0.5,
    slow_indices: str = "linspace",
    lateral_norm: bool = True,
) -> nn.Module:
    """8 slow frames 8 apart, 32 fast ones 2 apart, alpha 4, lateral kernels of 7 frames."""
    return slowfast(
        num_classes,
        in_channels,
        frames=frames,
        alpha=4,
        fusion_kernel=7,
        dropout=dropout,
        slow_indices=slow_indices,
        lateral_norm=lateral_norm,
    )
