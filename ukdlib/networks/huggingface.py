"""
Video transformers of Hugging Face's `transformers`, an optional extra: pip install 'ukd[huggingface]'.

VideoMAE (Tong et al., NeurIPS 2022), TimeSformer (Bertasius et al., ICML 2021), ViViT (Arnab et al., ICCV 2021) and
V-JEPA 2 (Assran et al., 2025). Each is the library's own classifier, built from a configuration and never downloaded;
published weights are loaded through the `weights` section, naming `huggingface`. The library is imported when a
network of it is built.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ukdlib.networks.torchvision_import import video_models

PATCH = 16  # pixels
TUBELET = 2  # frames of a token; one for TimeSformer
HEAD = 64  # channels of an attention head in all published sizes
FROM_TWO = ("videomae", "vivit", "vjepa2")  # models whose tokens take TUBELET frames


class Classifier(nn.Module):
    """A classifier of transformers, which takes (N, T, C, H, W) and wraps its logits."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """clip: (N, C, T, H, W) -> (N, classes)."""
        return self.network(clip.transpose(1, 2)).logits


def huggingface(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    crop: int,
    model: str,
    depth: int = 12,
    width: int = 768,
) -> nn.Module:
    """
    A video transformer; clips (N, in_channels, frames, crop, crop).

    model: a key of MODELS; depth: layers; width: channels of a token, a multiple of 64 or less than 64. The defaults
    are the published Base size; V-JEPA 2's Large has depth 24 and width 1024.
    """
    if model not in MODELS:
        raise ValueError(f"huggingface: unknown model {model!r}; known: {sorted(MODELS)}")
    if crop % PATCH or crop < PATCH:
        raise ValueError(f"huggingface: {model} needs a crop that is a multiple of {PATCH}, not {crop}")
    if model in FROM_TWO and (frames % TUBELET or frames < TUBELET):
        raise ValueError(
            f"huggingface: {model} needs a number of frames that is a multiple of 2, not {frames}"
        )
    if width % HEAD and width > HEAD:
        raise ValueError(f"huggingface: width {width} is not a multiple of {HEAD}, the channels of a head")
    sizes = {"num_hidden_layers": depth, "hidden_size": width, "num_attention_heads": max(1, width // HEAD)}
    return Classifier(
        MODELS[model](_library(), (frames, crop, in_channels), {**sizes, "num_labels": num_classes})
    )


def _videomae(library: ModuleType, shape: tuple[int, int, int], sizes: dict[str, Any]) -> nn.Module:
    config = library.VideoMAEConfig(**_shape(shape), tubelet_size=TUBELET, **_mlp(sizes))
    return library.VideoMAEForVideoClassification(config)


def _timesformer(library: ModuleType, shape: tuple[int, int, int], sizes: dict[str, Any]) -> nn.Module:
    return library.TimesformerForVideoClassification(
        library.TimesformerConfig(**_shape(shape), **_mlp(sizes))
    )


def _vivit(library: ModuleType, shape: tuple[int, int, int], sizes: dict[str, Any]) -> nn.Module:
    shapes = {key: value for key, value in _shape(shape).items() if key != "patch_size"}
    config = library.VivitConfig(**shapes, tubelet_size=[TUBELET, PATCH, PATCH], **_mlp(sizes))
    return library.VivitForVideoClassification(config)


def _vjepa2(library: ModuleType, shape: tuple[int, int, int], sizes: dict[str, Any]) -> nn.Module:
    frames, crop, channels = shape
    config = library.VJEPA2Config(
        frames_per_clip=frames,
        crop_size=crop,
        in_chans=channels,
        patch_size=PATCH,
        tubelet_size=TUBELET,
        **sizes,
    )
    network = library.VJEPA2ForVideoClassification(config)
    network.vjepa2.predictor = nn.Identity()  # for pretraining only; a classifier never calls it
    return network


MODELS: dict[str, Callable[..., nn.Module]] = {
    "videomae": _videomae,
    "timesformer": _timesformer,
    "vivit": _vivit,
    "vjepa2": _vjepa2,
}


def _shape(shape: tuple[int, int, int]) -> dict[str, int]:
    frames, crop, channels = shape
    return {"num_frames": frames, "image_size": crop, "num_channels": channels, "patch_size": PATCH}


def _mlp(sizes: dict[str, Any]) -> dict[str, Any]:
    return {**sizes, "intermediate_size": 4 * sizes["hidden_size"]}


def _library() -> ModuleType:
    """transformers, or an error that names the extra; it imports torchvision, whose operators are declared first."""
    video_models()
    try:
        import transformers
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "arch 'huggingface' needs the package transformers: pip install 'ukd[huggingface]'"
        ) from None
    return transformers
