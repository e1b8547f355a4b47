"""
SlowFast (Feichtenhofer et al., ICCV 2019): two pathways that see the clip at two frame rates.

The network is pytorchvideo's. Added here: one clip as input instead of a list of two, the published
lateral kernels and strides, and heads that fit any crop. As in PySlowFast a batch normalisation and a ReLU follow
each lateral convolution; MMAction2 has neither, hence 928 fewer parameters (at 4x16 and 8x8 R50): lateral_norm.
"""

from collections.abc import Sequence

from torch import nn

from ukdlib.networks.pathways import TwoPathways, pick_slow
from ukdlib.networks.presets import preset
from ukdlib.networks.torchvision_import import roi_align_left_out

with roi_align_left_out():
    from pytorchvideo.models.slowfast import FastToSlowFusionBuilder, create_slowfast


DEPTHS = [18, 50, 101, 152]


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
    PySlowFast; false for weights of MMAction2. The published fast stem is half the cost of a thin network
    on small crops; (5, 3, 3) is cheaper.
    """
    if depth not in DEPTHS:
        raise ValueError(f"slowfast: unknown depth {depth}; known: {DEPTHS}")
    if width % beta or width < beta:
        raise ValueError(f"slowfast: width {width} is not a multiple of beta {beta}")
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
    """Builds the connections from the fast pathway to the slow one."""
    return FastToSlowFusionBuilder(
        slowfast_channel_reduction_ratio=beta,
        conv_fusion_channel_ratio=2,
        conv_kernel_size=(kernel, 1, 1),
        conv_stride=(alpha, 1, 1),  # pytorchvideo's default of 4 only fits alpha 4
        norm=nn.BatchNorm3d if norm else None,
        activation=nn.ReLU if norm else None,
    )


OPEN = ("frames", "dropout", "slow_indices", "lateral_norm")

# The paper's: 4 slow frames 16 apart, 32 fast ones 2 apart. Lateral kernels of 5 frames are those of PySlowFast
# (SLOWFAST_4x16_R50.yaml) and of MMAction2's 4x16.
slowfast_r50_4x16 = preset(slowfast, OPEN, frames=32, alpha=8, fusion_kernel=5)

# 8 slow frames 8 apart, 32 fast ones 2 apart, lateral kernels of 7 frames.
slowfast_r50_8x8 = preset(slowfast, OPEN, frames=32, alpha=4, fusion_kernel=7)
