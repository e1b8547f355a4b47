"""From stored frames to class logits: the forward pass that training shares, and the export of a network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ukdlib.augment import Modality, augment
from ukdlib.clips import Batch, Samples, Store, load_batches
from ukdlib.logits import LogitRows
from ukdlib.views import Views, join_views, random_views, test_views

PRECISIONS = ("auto", "fp32", "bf16")


def class_logits(
    network: nn.Module, batch: Batch, recipe: dict[str, Any], modality: Modality
) -> torch.Tensor:
    """Logits (n, C) float32 of a batch, on the network's device, in the precision of the recipe."""
    device = next(network.parameters()).device
    frames = batch.frames.to(device, non_blocking=True)
    clips = augment(frames, batch.sizes, batch.views, recipe["crop"], modality)
    clips = clips.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(recipe["precision"], device)):
        return network(clips).float()


def uses_bf16(precision: str, device: torch.device) -> bool:
    """
    Whether to compute in bfloat16; "auto": on a GPU only.

    Not on a CPU: torch 2.13 (oneDNN, AVX512-BF16) returns NaN gradients there for convolutions whose kernel
    is longer than the clip, such as 3x1x1 on two slow frames, and small networks gain nothing by it.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"recipe: unknown precision {precision!r}; known: {list(PRECISIONS)}")
    return precision == "bf16" or (precision == "auto" and device.type == "cuda")


def prepare(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on its device, in the memory layout that 3D convolutions are fastest in."""
    return network.to(device=device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def export(
    network: nn.Module,
    store: Store,
    videos: tuple[Sequence[str], Sequence[int]],
    subset: str,
    setting: tuple[dict[str, Any], Modality, Sequence[str]],
) -> LogitRows:
    """
    Logits of all videos (video_ids, labels) of a subset, one row per view.

    setting: (recipe, modality, classes). Subset "train" shows the views numbered 0 .. export_views - 1 that a
    student can replay; any other the recipe's fixed test views.
    """
    recipe, modality, classes = setting
    video_ids, labels = videos
    if not len(video_ids):
        raise ValueError(f"export: no videos in subset {subset!r}")
    samples, numbers = subset_samples(store, video_ids, subset, recipe)
    network.eval()
    with torch.inference_mode():
        logits = [
            class_logits(network, b, recipe, modality).cpu() for b in load_batches(store, samples, recipe)
        ]
    return LogitRows(
        video_ids=np.array(samples.video_ids),
        views=numbers,
        labels=np.asarray(labels)[samples.rows],
        logits=torch.cat(logits).numpy(),
        classes=list(classes),
    )


def subset_samples(
    store: Store, video_ids: Sequence[str], subset: str, recipe: dict[str, Any]
) -> tuple[Samples, np.ndarray]:
    """Every view to export, video by video, rows pointing to the videos; and the number (n,) of each view."""
    count = recipe["export_views"] if subset == "train" else recipe["test_clips"] * recipe["test_crops"]
    rows, numbers = np.repeat(np.arange(len(video_ids)), count), np.tile(np.arange(count), len(video_ids))
    shown = [video_ids[int(row)] for row in rows]
    if subset == "train":
        views = random_views(shown, numbers, recipe["crop"], recipe["short_side"], recipe["flip"])
    else:
        views = join_views([_fixed_views(store.shape(video_id), recipe) for video_id in video_ids])
    return Samples(shown, views, rows), numbers


def _fixed_views(shape: tuple[int, ...], recipe: dict[str, Any]) -> Views:
    clips, crops = recipe["test_clips"], recipe["test_crops"]
    return test_views(clips, crops, recipe["crop"], recipe["test_short_side"], landscape=shape[2] >= shape[1])
