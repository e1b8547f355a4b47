"""
The clips of a pass, batch by batch, read by threads into blocks of memory that are kept.

numpy and OpenCV let go of Python's lock while they copy and decode, so threads read side by side; nothing has to be
sent from one process to another, which costs more than reading (docs/log.md), and no process is forked. On a machine
with GPUs the blocks are pinned, so that a copy to the device need not be waited for.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from ukdlib.learning.batches import Batch, Samples
from ukdlib.learning.kept import Frames, FramesOnDevice
from ukdlib.learning.views import frame_indices

AHEAD = 2  # batches that threads read while another is used
Positions = Sequence[int] | np.ndarray


def read_batches(
    store: Frames,
    samples: Samples,
    batches: Sequence[Positions],
    recipe: dict[str, Any],
    held: int = 1,
) -> Iterator[Batch]:
    """
    The clips at these positions of `samples`, read by recipe["workers"] threads (0: by the caller's own).

    A batch lasts until the `held`-th after it is asked for: then its memory is used again.
    """
    workers, device = recipe["workers"], torch.device("cpu")
    if isinstance(store, FramesOnDevice):
        workers, device = 0, store.device
    ahead = AHEAD if workers else 0
    ring = [Block(device) for _ in range(held + ahead)]
    begun: deque[tuple[Batch, Iterator]] = deque()
    with _readers(workers) as run:
        for number in range(len(batches)):
            for later in range(number + len(begun), min(number + 1 + ahead, len(batches))):
                begun.append(_begin(run, store, samples, (batches[later], ring[later % len(ring)]), recipe))
            batch, clips = begun.popleft()
            deque(clips, maxlen=0)  # until all have been read
            yield batch


@contextmanager
def _readers(workers: int) -> Iterator[Callable[..., Iterator]]:
    """`map` by some threads, which begin at once; without threads Python's own, which begins when it is awaited."""
    if workers == 0:
        yield map
        return
    pool = ThreadPoolExecutor(workers, "reader")
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


class Block:
    """Memory for the frames of one batch after another; as large as the largest so far."""

    def __init__(self, device: torch.device):
        self._bytes = torch.empty(0, dtype=torch.uint8, device=device)

    def take(self, shape: Sequence[int]) -> torch.Tensor:
        """
        uint8 of this shape, with whatever was there before.

        Pinned memory is torch's to keep: it is given out again once copies from it are over, which a ring cannot know.
        """
        if torch.cuda.is_available() and not self._bytes.is_cuda:
            return torch.empty(tuple(shape), dtype=torch.uint8, pin_memory=True)
        size = int(np.prod(shape))
        if size > len(self._bytes):
            self._bytes = _empty(size, self._bytes.device)
        return self._bytes[:size].view(*shape)


def _empty(size: int, device: torch.device) -> torch.Tensor:
    """On a CPU by numpy, which, unlike torch, asks Linux for large pages: copying into them takes half the time."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty(size, np.uint8))
    return torch.empty(size, dtype=torch.uint8, device=device)


def _begin(
    run: Callable[..., Iterator],
    store: Frames,
    samples: Samples,
    wanted: tuple[Positions, Block],
    recipe: Any,
) -> tuple[Batch, Iterator]:
    """A batch, and what is to be awaited before its frames are there."""
    positions, block = wanted
    shapes = np.array([store.shape(samples.video_ids[position]) for position in positions])
    height, width = shapes[:, 1:3].max(axis=0)
    frames = block.take((len(positions), recipe["frames"], height, width, shapes[0, 3]))
    sizes, rows = torch.from_numpy(shapes[:, 1:3]), torch.from_numpy(samples.rows[list(positions)])
    read = partial(_read, store, samples, recipe)
    return Batch(frames, sizes, samples.views.take(positions), rows), run(read, positions, frames)


def _read(store: Frames, samples: Samples, recipe: dict[str, Any], position: int, clip: torch.Tensor) -> None:
    """The clip at one position into its part (T, H, W, C) of a block, zeros below and to the right of it."""
    video_id = samples.video_ids[position]
    num_frames, height, width, _ = store.shape(video_id)
    if clip.shape[1:3] != (height, width):
        clip.zero_()
    start = float(samples.views.start[position])
    numbers = frame_indices(start, num_frames, recipe["frames"], recipe["stride"])
    part = clip[:, :height, :width]
    if isinstance(store, FramesOnDevice):
        store.copy(video_id, numbers, part)
    else:
        store.window(video_id, numbers, part.numpy())
