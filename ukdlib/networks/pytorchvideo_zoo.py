"""
pytorchvideo's other classifiers: channel-separated networks, X3D, R(2+1)D and multiscale vision transformers.

Each is the library's own, without its softmax (logits are needed) and, except for the transformer, with a head that
averages over the remaining time and space, so that any crop of at least 32 fits. At the sizes that the library's
heads were made for, both are the same.
"""

from collections.abc import Sequence

from torch import nn

from ukdlib.networks.presets import preset
from ukdlib.networks.torchvision_import import roi_align_left_out

with roi_align_left_out():
    from pytorchvideo.models.csn import create_csn
    from pytorchvideo.models.r2plus1d import create_r2plus1d
    from pytorchvideo.models.vision_transformers import create_multiscale_vision_transformers
    from pytorchvideo.models.x3d import create_x3d

CSN_DEPTHS = (50, 101, 152)
X3D_DEPTHS = {
    "xs": 2.2,
    "s": 2.2,
    "m": 2.2,
    "l": 5.0,
}  # depth factors; xs, s and m differ in their input only


def csn(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    depth: int = 50,
    width: int = 64,
    dropout: float = 0.5,
    norm_eps: float = 1e-3,
) -> nn.Module:
    """
    Interaction-reduced channel-separated network, ir-CSN (Tran et al., ICCV 2019): depthwise 3x3x3 bottlenecks.

    frames: T of the clip; depth: 50, 101 or 152; width: channels of the stem; norm_eps: of all batch
    normalisations, 1e-3 in the published weights (VMZ, MMAction2) where pytorchvideo has 1e-5.
    """
    if depth not in CSN_DEPTHS:
        raise ValueError(f"csn: unknown depth {depth}; known: {list(CSN_DEPTHS)}")
    _check_frames("csn", frames)
    network = create_csn(
        input_channel=in_channels,
        model_depth=depth,
        model_num_class=num_classes,
        dropout_rate=dropout,
        stem_dim_out=width,
        stem_pool=nn.MaxPool3d,  # 1x3x3, as published; the library's default is none
        head_pool=nn.AdaptiveAvgPool3d,
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eps = norm_eps
    return network


ir_csn_r152 = preset(csn, ("frames", "dropout"), frames=32, depth=152)  # the paper's, on 32 frames 2 apart


def x3d(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    variant: str = "s",
    width_factor: float = 2.0,
    dropout: float = 0.5,
) -> nn.Module:
    """
    X3D (Feichtenhofer, CVPR 2020).

    variant: xs, s, m, l (published for 4, 13, 16, 16 frames of 160, 160, 224, 312 pixels; another number of
    frames or pixels is fine); width_factor: channels, 2 as published.
    """
    if variant not in X3D_DEPTHS:
        raise ValueError(f"x3d: unknown variant {variant!r}; known: {list(X3D_DEPTHS)}")
    _check_frames("x3d", frames)
    network = create_x3d(
        input_channel=in_channels,
        input_clip_length=frames,
        model_num_class=num_classes,
        dropout_rate=dropout,
        width_factor=width_factor,
        depth_factor=X3D_DEPTHS[variant],
        head_activation=None,
    )
    network.blocks[-1].pool.pool = nn.AdaptiveAvgPool3d(1)
    return network


def r2plus1d(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    width: int = 64,
    dropout: float = 0.5,
) -> nn.Module:
    """
    R(2+1)D (Tran et al., CVPR 2018) with 50 layers, as pytorchvideo has it: 16 frames 4 apart.

    frames: T of the clip; width: channels of the stem. torchvision's r2plus1d_18 is the published 18 layers.
    """
    _check_frames("r2plus1d", frames)
    return create_r2plus1d(
        input_channel=in_channels,
        model_num_class=num_classes,
        dropout_rate=dropout,
        stem_dim_out=width,
        head_pool=nn.AdaptiveAvgPool3d,
        head_activation=None,
    )


def mvit(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    crop: int,
    depth: int = 16,
    width: int = 96,
    widen_at: Sequence[int] = (1, 3, 14),
    dropout: float = 0.5,
    drop_path: float = 0.2,
) -> nn.Module:
    """
    Multiscale vision transformer (Fan et al., ICCV 2021), MViT-B: clips of exactly `frames` by `crop` by `crop`.

    frames: T, 16 or 32 as published (a multiple of 2); crop: 224 as published (a multiple of 32); width:
    channels of a patch; widen_at: blocks from which on channels and heads double and the map halves.
    """
    if crop % 32 or crop < 32:
        raise ValueError(f"mvit: crop {crop} is not a multiple of 32")
    if frames % 2 or frames < 2:
        raise ValueError(f"mvit: frames {frames} is not a multiple of 2")
    if beyond := [block for block in widen_at if not 0 < block < depth]:
        raise ValueError(f"mvit: widen_at names {beyond}; its blocks are 1 to {depth - 1}")
    return create_multiscale_vision_transformers(
        spatial_size=crop,
        temporal_size=frames,
        depth=depth,
        input_channels=in_channels,
        patch_embed_dim=width,
        droppath_rate_block=drop_path,
        embed_dim_mul=[[block, 2.0] for block in widen_at],
        atten_head_mul=[[block, 2.0] for block in widen_at],
        pool_q_stride_size=[[block, 1, 2, 2] for block in widen_at],
        pool_kv_stride_adaptive=[1, 8, 8],
        pool_kvq_kernel=[3, 3, 3],
        head_dropout_rate=dropout,
        head_num_classes=num_classes,
    )


def _check_frames(family: str, frames: int) -> None:
    if frames < 1:
        raise ValueError(f"{family}: frames is {frames}; it must be at least 1")
