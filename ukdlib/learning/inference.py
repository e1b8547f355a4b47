"""The forward pass that training, export and measurement share: stored frames to class logits."""

from typing import Any

import torch
from torch import nn

from ukdlib.learning.augment import Modality, augment
from ukdlib.learning.batches import Batch

PRECISIONS = ("auto", "fp32", "bf16")
# wrong results of 3D convolutions in bf16 (pytorch#163539, #166643): from the first version on, until the second
FAULTY_CUDNN = 90800, 91500


def class_logits(
    network: nn.Module, batch: Batch, recipe: dict[str, Any], modality: Modality
) -> torch.Tensor:
    """Logits (n, C) float32 of a batch, on the network's device, in the precision of the recipe."""
    device = next(network.parameters()).device
    return forward(network, input_clips(batch, recipe["crop"], modality, device), recipe["precision"])


def input_clips(batch: Batch, crop: int, modality: Modality, device: torch.device) -> torch.Tensor:
    """What a network on this device sees of a batch: (n, C, T, crop, crop) float32, in its fastest layout."""
    frames = batch.frames.to(device, non_blocking=True)
    clips = augment(frames, batch.sizes, batch.views, crop, modality)
    return clips.contiguous(memory_format=torch.channels_last_3d)


def forward(network: nn.Module, clips: torch.Tensor, precision: str) -> torch.Tensor:
    """Logits (n, C) float32 of such clips; precision: one of PRECISIONS."""
    device = clips.device
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(precision, device)):
        return network(clips).float()


def uses_bf16(precision: str, device: torch.device) -> bool:
    """
    Whether to compute in bfloat16; "auto": on a GPU only.

    RuntimeError where cuDNN computes wrongly in it. Not on a CPU: torch 2.13 (oneDNN, AVX512-BF16) returns NaN
    gradients there for convolutions whose kernel is longer than the clip, such as 3x1x1 on two slow frames, and small
    networks gain nothing by it.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"recipe: unknown precision {precision!r}; known: {list(PRECISIONS)}")
    bf16 = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    if bf16 and device.type == "cuda":
        _refuse_faulty_cudnn()
    return bf16


def computed_in(precision: str, device: torch.device) -> str:
    """
    What class_logits computes in: "fp32", "tf32" or "bf16".

    ukdlib.machine.devices.choose_device switches off TF32 for GPUs; torch leaves it to convolutions.
    """
    if uses_bf16(precision, device):
        return "bf16"
    return "tf32" if device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "fp32"


def _refuse_faulty_cudnn() -> None:
    version, (first, repaired) = torch.backends.cudnn.version(), FAULTY_CUDNN
    if torch.version.hip is None and version is not None and first <= version < repaired:
        package = f"nvidia-cudnn-cu{(torch.version.cuda or '12').partition('.')[0]}"
        raise RuntimeError(
            f"cuDNN {_dotted(version)} computes 3D convolutions wrongly in bf16 (pytorch#163539, #166643): install "
            f"{_dotted(repaired)} or later (`pip install '{package}>={_dotted(repaired)}'`), or set precision: fp32 in "
            "the recipe"
        )


def _dotted(version: int) -> str:
    """91002 -> 9.10.2; 91500 -> 9.15."""
    return f"{version // 10000}.{version // 100 % 100}" + (f".{version % 100}" if version % 100 else "")


def prepare(network: nn.Module, device: torch.device) -> nn.Module:
    """
    The network on its device, 3D convolutions in their fastest memory layout.

    `to` and not `contiguous`: the two differ in the strides of 1x1x1 kernels, hence in the order of sums. A
    transformer's 2D convolutions have no such layout.
    """
    network = network.to(device)
    for weight in network.parameters():
        if weight.dim() == 5:
            weight.data = weight.data.to(memory_format=torch.channels_last_3d)
    return network
