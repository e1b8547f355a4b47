"""
torchvision's video classifiers by name, with a head for the number of classes.

The networks are the library's own and give its outputs for the same weights. torchvision itself is imported only
when one is built: that takes 2 s, and most jobs need none.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ukdlib.networks.stems import convert_stem
from ukdlib.networks.torchvision_import import video_models

RESNETS = ("r3d_18", "mc3_18", "r2plus1d_18")
MVITS = ("mvit_v1_b", "mvit_v2_s")
SWINS = ("swin3d_t", "swin3d_s", "swin3d_b")
MODELS = (*RESNETS, "s3d", *MVITS, *SWINS)
S3D_WINDOW = (16, 224)  # smallest frames and crop that the pool at the end of s3d fits


def torchvision(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    crop: int,
    model: str,
    dropout: float | None = None,
) -> nn.Module:
    """
    A network of torchvision.models.video.

    model: r3d_18, mc3_18, r2plus1d_18 (Tran et al., CVPR 2018), s3d (Xie et al., ECCV 2018), mvit_v1_b, mvit_v2_s
    (Fan et al., ICCV 2021; Li et al., CVPR 2022), swin3d_t, swin3d_s, swin3d_b (Liu et al., CVPR 2022);
    frames, crop: the clip's size, which MViT is built for; dropout: before the last layer, the library's
    own if absent, none in a ResNet. More or fewer than three channels start from the first RGB channels' weights.
    """
    if model not in MODELS:
        raise ValueError(f"torchvision: unknown model {model!r}; known: {list(MODELS)}")
    if dropout is not None and model in RESNETS:
        raise ValueError(f"torchvision: {model} has no dropout")
    options: dict[str, Any] = {"num_classes": num_classes}
    if dropout is not None:
        options["dropout"] = dropout
    if model in MVITS:
        network = _mvit(model, frames, crop, options)
    else:
        network = getattr(video_models(), model)(**options)
    if model == "s3d" and (frames < S3D_WINDOW[0] or crop < S3D_WINDOW[1]):
        network.avgpool = nn.AdaptiveAvgPool3d(1)
    return network if in_channels == 3 else convert_stem(network, in_channels, "first")


def _mvit(model: str, frames: int, crop: int, options: dict[str, Any]) -> nn.Module:
    """An MViT for clips of another size than 16 frames of 224 pixels, which torchvision's functions fix."""
    if crop % 32 or crop < 32:
        raise ValueError(f"torchvision: {model} needs a crop that is a multiple of 32, not {crop}")
    if frames % 2 or frames < 2:
        raise ValueError(
            f"torchvision: {model} needs a number of frames that is a multiple of 2, not {frames}"
        )
    module = video_models().mvit
    build: Callable[..., nn.Module] = module._mvit

    def resized(*arguments: Any, **settings: Any) -> nn.Module:
        """The same network for clips of this size."""
        return build(*arguments, **{**settings, "spatial_size": (crop, crop), "temporal_size": frames})

    module._mvit = resized
    try:
        return getattr(module, model)(**options)
    finally:
        module._mvit = build
