"""Frames for a model are those that the pipeline stores, made one by one."""

import numpy as np
import pytest

from ukdlib.deploy.preparation import needs_whole_clip, prepared
from ukdlib.flow import flow_clip
from ukdlib.frames.corrections import correct
from ukdlib.frames.encoding import as_stored
from ukdlib.pictures.levels import resize
from ukdlib.videos.containers import VideoError

RAW = {"short_side": None, "codec": "raw"}
GAMMA = {**RAW, "transform": "gamma", "gamma": 2.2}
FLOW = {**RAW, "transform": "tvl1", "preset": "fast", "bound": 20, "backend": "opencv", "short_side": 24}


@pytest.fixture(scope="module")
def levels():
    """Six dark pictures with 16 bits, uint16 (6, 40, 56, 3)."""
    return np.random.default_rng(0).integers(0, 9000, (6, 40, 56, 3), np.uint16)


def made(levels, *steps, at_most=288):
    return np.stack(list(prepared(lambda: levels, steps, at_most)))


@pytest.mark.parametrize(
    "step",
    [
        {**RAW, "transform": "none"},
        GAMMA,
        {**RAW, "transform": "clahe", "clip_limit": 2.0, "tiles": 2},
        {**RAW, "transform": "retinex", "sigmas": [3, 9]},
        {**GAMMA, "short_side": 20},
    ],
    ids=lambda step: step["transform"],
)
def test_a_correction_is_that_of_the_pipeline(levels, step):
    options = {key: value for key, value in step.items() if key not in ("transform", "codec")}
    assert np.array_equal(made(levels, step), correct(levels, step["transform"], **options))
    assert needs_whole_clip([step]) == (step["transform"] == "retinex")


def test_large_pictures_are_reduced_before_they_are_corrected(levels):
    expected = correct(resize(levels, 24), "gamma", gamma=2.2)
    assert np.array_equal(made(levels, GAMMA, at_most=24), expected)
    assert np.array_equal(made(levels, GAMMA, at_most=40), correct(levels, "gamma", gamma=2.2))


def test_flow_is_that_of_the_whole_clip(levels):
    frames = resize(correct(levels, "gamma", gamma=2.2), 24)
    assert np.array_equal(made(levels, GAMMA, FLOW), flow_clip(frames, "fast", 20, "opencv"))
    with pytest.raises(VideoError, match="one frame"):
        made(levels[:1], GAMMA, FLOW)


def test_what_jpeg_takes_away_is_missing(levels):
    stored = made(levels, {**GAMMA, "codec": "jpeg"})
    expected = [as_stored(frame, "jpeg") for frame in correct(levels, "gamma", gamma=2.2)]
    assert np.array_equal(stored, np.stack(expected)) and not np.array_equal(stored, made(levels, GAMMA))


def test_frames_come_one_by_one(levels):
    """After the second frame no more than three pictures have been looked at: a stream need not end."""
    taken = []

    def pictures():
        for number, picture in enumerate(levels):
            taken.append(number)
            yield picture

    frames = prepared(pictures, [GAMMA, FLOW], 288)
    next(frames), next(frames)
    assert len(taken) <= 3
