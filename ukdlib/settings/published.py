"""
The clips that published weights were trained on, and which trainings of a configuration differ from them.

Standard library only, because every parse of the workflow imports it. Sources: MMAction2's configs/recognition
(1.2), the `meta` of torchvision's weights, pytorchvideo's model zoo, the configurations of Hugging Face's models.
"""

from typing import NamedTuple


class Clip(NamedTuple):
    """frames, every stride-th of the video, crop x crop pixels."""

    frames: int
    stride: int
    crop: int


PUBLISHED = {  # arch, or arch and the option that identifies the network
    "slowfast_r50_4x16": Clip(32, 2, 224),
    "slowfast_r50_8x8": Clip(32, 2, 224),
    "nl_i3d_r50": Clip(32, 2, 224),
    "nl_i3d_r101": Clip(32, 2, 224),
    "ir_csn_r152": Clip(32, 2, 224),
    "tpn_r50": Clip(8, 8, 224),
    "torchvision/r3d_18": Clip(16, 2, 112),  # 15 frames per second
    "torchvision/mc3_18": Clip(16, 2, 112),
    "torchvision/r2plus1d_18": Clip(16, 2, 112),
    "torchvision/s3d": Clip(128, 2, 224),
    "torchvision/mvit_v1_b": Clip(16, 4, 224),  # 7.5 frames per second
    "torchvision/mvit_v2_s": Clip(16, 4, 224),
    "torchvision/swin3d_t": Clip(32, 2, 224),
    "torchvision/swin3d_s": Clip(32, 2, 224),
    "torchvision/swin3d_b": Clip(32, 2, 224),
    "x3d/xs": Clip(4, 12, 160),
    "x3d/s": Clip(13, 6, 160),
    "x3d/m": Clip(16, 5, 224),
    "x3d/l": Clip(16, 5, 312),
    "huggingface/videomae": Clip(16, 4, 224),
    "huggingface/timesformer": Clip(8, 32, 224),
    "huggingface/vivit": Clip(32, 2, 224),
}


def published_clip(network: dict) -> Clip | None:
    """The clip of a network's published weights; None if it has none, or has another size."""
    arch = network["arch"]
    option = network.get("model", network.get("variant"))
    return PUBLISHED.get(f"{arch}/{option}" if option else arch)


def unlike_published(config: dict) -> list[str]:
    """
    A sentence for each teacher and student that starts from weights but uses other clips than theirs.

    That is allowed and sometimes intended, but costs accuracy, so it should not go unnoticed.
    """
    sentences = []
    for section in ("teachers", "students"):
        for name, entry in config[section].items():
            clip = published_clip(config["networks"][entry["network"]]) if "weights" in entry else None
            if clip is None:
                continue
            given = Clip(*(config["recipes"][entry["recipe"]][key] for key in Clip._fields))
            if clip != given:
                sentences.append(
                    f"{section}.{name}: weights.{entry['weights']} were trained on {_clip_text(clip)}, "
                    f"recipe {entry['recipe']} uses {_clip_text(given)}"
                )
    return sentences


def _clip_text(clip: Clip) -> str:
    return f"{clip.frames} frames, {clip.stride} apart, at {clip.crop} pixels"
