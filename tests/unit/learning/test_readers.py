"""Reading ahead: the same clips in the same order, whoever reads and wherever the frames are kept."""

import threading

import numpy as np
import pytest
import torch

from tests.unit.learning.test_clips import IDS, RECIPE, videos
from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.learning.clips import epoch_samples, load_batches, load_steps
from ukdlib.learning.kept import SHARE, FramesInMemory, free_memory, keep
from ukdlib.learning.readers import AHEAD, Block, read_batches
from ukdlib.machine import interruption

CPU = torch.device("cpu")
SAMPLES = epoch_samples(IDS, RECIPE, seed=0, epoch=0)


def contents(store, **changed):
    """All that the batches of a pass say; copied, since their memory is used again."""
    return [
        (batch.frames.numpy().tobytes(), batch.sizes.tolist(), batch.rows.tolist(), batch.views.x.tolist())
        for batch in load_batches(store, SAMPLES, {**RECIPE, **changed})
    ]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    made = {}
    for codec in ("raw", "jpeg"):
        path = str(tmp_path_factory.mktemp(codec) / "a.arrow")
        write_shard(path, IDS, videos().__getitem__, codec)
        made[codec] = open_shards([path])
    return made


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
@pytest.mark.parametrize("cache", ["none", "memory", "device"])
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_who_reads_and_where_frames_are_kept_changes_nothing(codec, cache, workers, stores):
    kept = keep(stores[codec], IDS, cache, CPU, workers)
    assert contents(kept, workers=workers) == contents(stores[codec])


def test_frames_that_are_kept_are_read_once():
    class Counting(FramesInMemory):
        read = 0

        def window(self, *arguments):
            Counting.read += 1
            return super().window(*arguments)

    kept = keep(Counting(videos()), IDS, "device", CPU, 2)
    for _ in range(3):
        contents(kept)
    assert Counting.read == len(IDS)


def test_a_request_to_stop_ends_the_reading_of_frames_that_are_to_be_kept(monkeypatch):
    read = []

    class Counting(FramesInMemory):
        def window(self, video_id, *arguments):
            read.append(video_id)
            return super().window(video_id, *arguments)

    monkeypatch.setattr(interruption, "requested", lambda: len(read) >= 2)
    with pytest.raises(interruption.Interrupted, match="cache: memory"):
        keep(Counting(videos()), IDS, "memory", CPU, 1)
    assert len(read) == 2


@pytest.mark.parametrize("cache", ["memory", "device"])
def test_frames_that_do_not_fit_are_refused_before_they_are_read(cache):
    class Huge:
        def shape(self, video_id):
            return (10, 1 + free_memory(CPU) // 40, 1, 2)

    with pytest.raises(
        ValueError, match=f"cache: {cache} would take .* GB .* it may fill .* set it to .*none"
    ):
        keep(Huge(), ["a", "b"], cache, CPU, 1)
    assert 0 < SHARE < 1


def test_an_unknown_cache_is_refused():
    with pytest.raises(ValueError, match=r"unknown cache 'disk'; known: .*'memory'"):
        keep(FramesInMemory(videos()), IDS, "disk", CPU, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_memory_of_a_batch_is_used_again_only_after_as_many_as_are_held(workers):
    positions = [[i % len(IDS)] for i in range(12)]
    recipe = {**RECIPE, "workers": workers}
    seen = []
    for batch in read_batches(FramesInMemory(equal_sizes()), SAMPLES, positions, recipe, held=3):
        seen.append((batch.frames, batch.frames.clone()))
        assert all(torch.equal(*pair) for pair in seen[-3:])
    places = {frames.data_ptr() for frames, _ in seen}
    assert len(places) == 3 + (AHEAD if workers else 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_clips_of_a_step_are_there_together(workers):
    recipe = {**RECIPE, "micro_batch": 1, "workers": workers}
    whole = [frames for frames, *_ in contents(FramesInMemory(equal_sizes()))]
    for step, expected in zip(
        load_steps(FramesInMemory(equal_sizes()), SAMPLES, recipe), whole, strict=False
    ):
        assert b"".join(batch.frames.numpy().tobytes() for batch in step) == expected


def equal_sizes():
    return {name: np.full((9, 10, 12, 3), 10 * i, np.uint8) for i, name in enumerate(IDS)}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_a_thread_cannot_read_is_an_error_of_the_training_and_no_thread_stays(workers):
    before = threading.active_count()

    class Failing(FramesInMemory):
        def window(self, video_id, *arguments):
            if video_id == SAMPLES.video_ids[4]:
                raise ValueError(f"{video_id} is damaged")
            return super().window(video_id, *arguments)

    with pytest.raises(ValueError, match=f"{SAMPLES.video_ids[4]} is damaged"):
        contents(Failing(videos()), workers=workers)
    assert threading.active_count() == before


def test_threads_end_with_a_pass_that_is_left_early():
    before = threading.active_count()
    batches = load_batches(FramesInMemory(videos()), SAMPLES, {**RECIPE, "workers": 3})
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_a_block_grows_to_the_largest_batch_and_stays():
    block = Block(CPU)
    small, large, again = block.take((2, 3)), block.take((4, 5)), block.take((1, 2))
    assert small.shape == (2, 3) and large.shape == (4, 5)
    assert again.data_ptr() == large.data_ptr()


def test_as_many_threads_read_at_once_as_there_are_workers():
    together = threading.Barrier(3)

    class Waiting(FramesInMemory):
        def window(self, *arguments):
            together.wait(60)  # breaks unless three read at the same time
            return super().window(*arguments)

    samples = epoch_samples(IDS[:6], RECIPE, seed=0, epoch=0)
    batches = load_batches(Waiting(videos()), samples, {**RECIPE, "workers": 3, "batch_size": 6})
    assert [len(batch.rows) for batch in batches] == [6]
