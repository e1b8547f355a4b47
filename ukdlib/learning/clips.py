"""
Batches of clips from a frame store.

The order of the videos and the view of each depend on (seed, epoch, video_id) alone: two
trainings on two modalities of the same videos see the same crops in the same order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader

from ukdlib.learning.views import Views, frame_indices, random_views
from ukdlib.machine import distributed, interruption

# view numbers below this are the stored ones (0 .. export_views - 1); each (seed, epoch) has its own above
FIRST_FREE_NUMBER = 1_000_000


class Store(Protocol):
    """The part of ukdlib.frames.store.FrameStore that is needed here."""

    def shape(self, video_id: str) -> tuple[int, int, int, int]:
        """(T, H, W, C) of one video."""

    def window(self, video_id: str, indices: np.ndarray) -> np.ndarray:
        """Frames of these numbers, uint8 (len(indices), H, W, C)."""


@dataclass(frozen=True)
class Samples:
    """The clips of one pass: N rows in the order in which they are used."""

    video_ids: Sequence[str]
    views: Views
    rows: np.ndarray  # (N,) int, returned with each clip


@dataclass(frozen=True)
class Batch:
    """n clips as stored, with what is needed to crop them."""

    frames: torch.Tensor  # (n, T, H, W, C) uint8, zero-padded to the largest height and width
    sizes: torch.Tensor  # (n, 2) int true height and width
    views: Views
    rows: torch.Tensor  # (n,) int

    def pin_memory(self) -> "Batch":
        """The same in pinned memory; called by the loader."""
        return replace(self, frames=self.frames.pin_memory())


def epoch_samples(
    video_ids: Sequence[str], recipe: dict[str, Any], seed: int, epoch: int, replay: int = 0
) -> Samples:
    """
    One random view of every video in random order; replay > 0: epoch e uses stored view number e % replay.
    """
    order = np.random.Generator(np.random.Philox(key=(seed << 64) + epoch)).permutation(len(video_ids))
    shown = [video_ids[row] for row in order]
    number = epoch % replay if replay else FIRST_FREE_NUMBER * (1 + seed) + epoch
    views = random_views(shown, [number] * len(shown), recipe["crop"], recipe["short_side"], recipe["flip"])
    return Samples(shown, views, order)


def load_steps(
    store: Store, samples: Samples, recipe: dict[str, Any], first: int = 0
) -> Iterator[list[Batch]]:
    """
    The clips of `samples` for each training step from number `first` on: batch_size of them, micro_batch at a time.

    Each of several processes gets its share of every step (ukdlib.machine.distributed.share).

    The incomplete last batch is dropped, unless it is the only one.
    """
    size = min(recipe["batch_size"], len(samples.video_ids))
    ends = range((1 + first) * size, len(samples.video_ids) + 1, size)
    micro = recipe.get("micro_batch", size)
    steps = [distributed.share(np.arange(end - size, end), micro) for end in ends]
    batches = _load(store, samples, [part.tolist() for parts in steps for part in parts], recipe)
    for parts in steps:
        yield list(islice(batches, len(parts)))


def load_batches(store: Store, samples: Samples, recipe: dict[str, Any]) -> Iterator[Batch]:
    """The clips of `samples` in batches of batch_size."""
    positions, size = list(range(len(samples.video_ids))), recipe["batch_size"]
    return _load(store, samples, [positions[i : i + size] for i in positions[::size]], recipe)


def _load(
    store: Store, samples: Samples, batches: list[list[int]], recipe: dict[str, Any]
) -> Iterator[Batch]:
    """The clips at these positions of `samples`, read by recipe["workers"] processes (0: in this one)."""
    loader: DataLoader = DataLoader(
        range(len(samples.video_ids)),  # type: ignore[arg-type]  # a sequence of positions is all it needs
        batch_sampler=batches,
        collate_fn=lambda positions: load_batch(store, samples, positions, recipe),
        num_workers=recipe["workers"],
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=interruption.ignore,
    )
    return iter(loader)


def load_batch(store: Store, samples: Samples, positions: list[int], recipe: dict[str, Any]) -> Batch:
    """The clips at some positions of `samples`."""
    windows = [_window(store, samples, position, recipe) for position in positions]
    sizes = np.array([window.shape[1:3] for window in windows])
    height, width = sizes.max(axis=0)
    frames = np.zeros((len(windows), recipe["frames"], height, width, windows[0].shape[3]), np.uint8)
    for clip, window in zip(frames, windows, strict=True):
        clip[:, : window.shape[1], : window.shape[2]] = window
    rows = torch.from_numpy(samples.rows[positions])
    return Batch(torch.from_numpy(frames), torch.from_numpy(sizes), samples.views.take(positions), rows)


def _window(store: Store, samples: Samples, position: int, recipe: dict[str, Any]) -> np.ndarray:
    video_id = samples.video_ids[position]
    num_frames = store.shape(video_id)[0]
    start = float(samples.views.start[position])
    return store.window(video_id, frame_indices(start, num_frames, recipe["frames"], recipe["stride"]))
