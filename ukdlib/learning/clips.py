"""
Batches of clips from a frame store.

The order of the videos and the view of each depend on (seed, epoch, video_id) alone: two
trainings on two modalities of the same videos see the same crops in the same order.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ukdlib.learning.batches import Batch, Samples
from ukdlib.learning.kept import Frames
from ukdlib.learning.readers import read_batches
from ukdlib.learning.views import random_views
from ukdlib.machine import distributed

# view numbers below this are the stored ones (0 .. export_views - 1); each (seed, epoch) has its own above
FIRST_FREE_NUMBER = 1_000_000


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
    store: Frames, samples: Samples, recipe: dict[str, Any], first: int = 0
) -> Iterator[list[Batch]]:
    """
    The clips of `samples` for each training step from number `first` on: batch_size of them, micro_batch at a time.

    Each of several processes gets its share of every step (ukdlib.machine.distributed.share). The clips of a step last
    until the next one is asked for. The incomplete last batch is dropped, unless it is the only one.
    """
    size = min(recipe["batch_size"], len(samples.video_ids))
    ends = range((1 + first) * size, len(samples.video_ids) + 1, size)
    micro = recipe.get("micro_batch", size)
    steps = [distributed.share(np.arange(end - size, end), micro) for end in ends]
    parts = [part for step in steps for part in step]
    batches = read_batches(store, samples, parts, recipe, held=max(map(len, steps), default=1))
    for step in steps:
        yield list(islice(batches, len(step)))


def load_batches(store: Frames, samples: Samples, recipe: dict[str, Any]) -> Iterator[Batch]:
    """The clips of `samples` in batches of batch_size, each of which lasts until the next one is asked for."""
    positions, size = np.arange(len(samples.video_ids)), recipe["batch_size"]
    return read_batches(store, samples, [positions[i : i + size] for i in positions[::size]], recipe)
