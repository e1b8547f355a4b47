"""Clips: the same views in the same order for every modality, and exactly the requested frames."""

import numpy as np
import pytest

from ukdlib.learning.batches import Samples
from ukdlib.learning.clips import epoch_samples, load_batches, load_steps
from ukdlib.learning.kept import FramesInMemory
from ukdlib.learning.views import VIEW_FIELDS, frame_indices, random_views

RECIPE = {
    "frames": 4, "stride": 2, "crop": 8, "short_side": [8, 10], "flip": True, "batch_size": 3, "workers": 0
}  # fmt: skip
IDS = [f"v{i}" for i in range(8)]


def videos(channels=3):
    """Every frame is filled with its own number, 30 times the video's plus its place; sizes differ."""
    return {
        name: np.full((9 + i, 10 + i, 20 - i, channels), 30 * i, np.uint8)
        + np.arange(9 + i, dtype=np.uint8)[:, None, None, None]
        for i, name in enumerate(IDS)
    }


def shown(samples):
    return list(zip(samples.video_ids, *(getattr(samples.views, name) for name in VIEW_FIELDS), strict=True))


def test_an_epoch_shows_every_video_once_and_rows_point_back():
    samples = epoch_samples(IDS, RECIPE, seed=0, epoch=0)
    assert sorted(samples.video_ids) == IDS and [IDS[row] for row in samples.rows] == samples.video_ids


def test_an_epoch_depends_on_seed_and_epoch_alone():
    first, again = (epoch_samples(IDS, RECIPE, seed=1, epoch=2) for _ in range(2))
    assert shown(first) == shown(again)
    for other in ((1, 3), (2, 2), (2, 1)):
        samples = epoch_samples(IDS, RECIPE, *other)
        assert samples.video_ids != first.video_ids and not set(samples.views.start) & set(first.views.start)


def test_a_replayed_epoch_shows_the_stored_views_in_turn():
    for epoch, number in ((0, 0), (1, 1), (2, 0), (5, 1)):
        samples = epoch_samples(IDS, RECIPE, seed=4, epoch=epoch, replay=2)
        stored = random_views(samples.video_ids, [number] * 8, 8, (8, 10))
        assert all(
            np.array_equal(getattr(samples.views, name), getattr(stored, name)) for name in VIEW_FIELDS
        )


def test_frames_are_those_of_the_view_padded_with_zeros():
    data, samples = videos(), epoch_samples(IDS, RECIPE, seed=0, epoch=0)
    counts = []
    for batch in load_batches(FramesInMemory(data), samples, RECIPE):
        counts.append(len(batch.rows))
        for clip, (height, width), row, start in zip(
            batch.frames, batch.sizes, batch.rows, batch.views.start, strict=True
        ):
            video = data[IDS[row]]
            expected = video[frame_indices(float(start), len(video), 4, 2)]
            assert np.array_equal(clip[:, :height, :width], expected) and (height, width) == video.shape[1:3]
            assert not clip[:, height:].any() and not clip[:, :, width:].any()
    assert counts == [3, 3, 2]


def test_two_modalities_of_the_same_videos_see_the_same_crops():
    samples = epoch_samples(IDS, RECIPE, seed=3, epoch=1)
    pairs = zip(*(load_batches(FramesInMemory(videos(c)), samples, RECIPE) for c in (3, 2)), strict=True)
    for rgb, flow in pairs:
        assert rgb.rows.equal(flow.rows) and rgb.frames[..., :2].equal(flow.frames)
        assert np.array_equal(rgb.views.x, flow.views.x)


@pytest.mark.parametrize(
    ("count", "micro", "sizes"),
    [
        (8, None, [[3], [3]]),
        (6, None, [[3], [3]]),
        (2, None, [[2]]),
        (8, 1, [[1, 1, 1], [1, 1, 1]]),
        (2, 1, [[1, 1]]),
    ],
)
def test_a_step_is_a_whole_batch_in_parts_unless_there_are_fewer_clips(count, micro, sizes):
    samples = epoch_samples(IDS[:count], RECIPE, seed=0, epoch=0)
    recipe = RECIPE if micro is None else {**RECIPE, "micro_batch": micro}
    steps = [
        [batch.rows.tolist() for batch in step]
        for step in load_steps(FramesInMemory(videos()), samples, recipe)
    ]
    assert [[len(rows) for rows in step] for step in steps] == sizes
    shown = [row for step in steps for rows in step for row in rows]
    assert shown == samples.rows[: len(shown)].tolist()


def test_rows_are_those_of_the_caller():
    samples = Samples(IDS[:2], random_views(IDS[:2], [0, 0], 8, (8, 10)), np.array([70, 5]))
    assert next(iter(load_batches(FramesInMemory(videos()), samples, RECIPE))).rows.tolist() == [70, 5]
