"""Corrections brighten without inventing: laws that each of them keeps."""

import cv2
import numpy as np
import pytest

from ukdlib.frames.corrections import CORRECTIONS, correct, correct_clip
from ukdlib.frames.gamma import correct_gamma
from ukdlib.pictures.levels import as_levels
from ukdlib.settings.data_checks import TRANSFORM_KEYS

OPTIONS = {
    "none": {},
    "gamma": {"gamma": 3.0},
    "clahe": {"clip_limit": 3.0, "tiles": 4},
    "retinex": {"sigmas": [3, 10]},
}
BRIGHTENING = ["gamma", "clahe", "retinex"]


def dark_clip(frames=3):
    """A dim slope with a square on it, and a little noise."""
    rng = np.random.default_rng(0)
    ground = np.linspace(2, 20, 48)[None, None, :, None] * np.ones((frames, 32, 1, 3))
    ground[:, 8:20, 10:30] += [12, 6, 2]
    return np.clip(np.rint(ground + rng.normal(0, 1, ground.shape)), 0, 255).astype(np.uint8)


def test_the_configuration_knows_every_correction_and_its_options():
    assert {way: set(keys) for way, keys in TRANSFORM_KEYS.items() if way not in ("tvl1", "moving")} == {
        way: set(options) for way, options in OPTIONS.items()
    }
    assert set(CORRECTIONS) == set(OPTIONS)


@pytest.mark.parametrize("way", BRIGHTENING)
def test_a_dark_clip_becomes_brighter_and_keeps_its_shape(way):
    clip = dark_clip()
    before = clip.copy()
    corrected = correct(clip, way, **OPTIONS[way])
    assert corrected.shape == clip.shape and corrected.dtype == np.uint8
    assert corrected.mean() > 1.3 * clip.mean() and (clip == before).all()


@pytest.mark.parametrize("way", ["none", "gamma", "retinex"])  # CLAHE lifts an even area whatever its grey
def test_black_stays_black(way):
    assert correct(np.zeros((2, 32, 48, 3), np.uint8), way, **OPTIONS[way]).max() == 0


@pytest.mark.parametrize("way", OPTIONS)
def test_a_horizontal_flip_before_and_after_is_the_same(way):
    clip = dark_clip()
    flipped = correct(clip[:, :, ::-1].copy(), way, **OPTIONS[way])
    difference = np.abs(flipped.astype(int) - correct(clip, way, **OPTIONS[way])[:, :, ::-1])
    assert difference.max() <= (0 if way != "clahe" else 6)  # whose tiles are interpolated from one side


@pytest.mark.parametrize("way", ["none", "gamma", "clahe"])
def test_a_frame_does_not_depend_on_the_others(way):
    clip = dark_clip()
    alone = [correct(frame[None], way, **OPTIONS[way])[0] for frame in clip]
    assert (correct(clip, way, **OPTIONS[way]) == np.stack(alone)).all()


def test_retinex_takes_one_scale_for_the_whole_clip():
    """A frame of half the light stays the darker one; by itself it would be stretched like any other."""
    clip = dark_clip(2)
    clip[1] //= 2
    corrected = correct(clip, "retinex", **OPTIONS["retinex"])
    alone = correct(clip[1:], "retinex", **OPTIONS["retinex"])
    assert (corrected[1] != alone[0]).any()
    assert corrected[1].mean() <= corrected[0].mean()


def test_retinex_removes_a_slow_slope_of_the_light():
    slope = (np.linspace(10, 200, 96)[None, None, :, None] * np.ones((1, 32, 1, 3))).astype(np.uint8)
    flat = correct(slope, "retinex", sigmas=[8])[0, 16, 24:-24, 0].astype(int)
    assert np.ptp(flat) < 0.5 * np.ptp(slope[0, 16, 24:-24, 0].astype(int))


def test_clahe_is_opencvs_on_the_lightness():
    frame = dark_clip(1)[0]
    equalised = correct(frame[None], "clahe", **OPTIONS["clahe"])[0]
    before, after = (cv2.cvtColor(picture, cv2.COLOR_RGB2LAB) for picture in (frame, equalised))
    expected = cv2.createCLAHE(3.0, (4, 4)).apply(np.ascontiguousarray(before[..., 0]))
    # OpenCV's own way with 8 bits rounds colour on the way there and back
    assert np.abs(after[..., 0].astype(int) - expected).mean() < 2


@pytest.mark.parametrize("way", OPTIONS)
def test_16_bits_of_the_same_levels_change_nothing_and_finer_ones_are_used(way):
    clip = dark_clip()
    deep = correct(as_levels(clip), way, **OPTIONS[way]).astype(int)
    assert np.abs(deep - correct(clip, way, **OPTIONS[way])).max() <= (
        1 if way == "retinex" else 0
    )  # floating point
    if way != "none":
        finer = as_levels(clip) + np.uint16(100)  # under half a step of 8 bits
        assert (correct(finer, way, **OPTIONS[way]) != correct(clip, way, **OPTIONS[way])).any()


def test_frames_are_resized_before_they_are_corrected():
    """A fine pattern of black and grey: its light is averaged, not what gamma makes of it."""
    clip = np.zeros((1, 64, 64, 3), np.uint8)
    clip[:, :, ::2] = 20
    (small,) = correct_clip(lambda: clip, "gamma", 32, gamma=3.0)
    assert small.shape == (32, 32, 3) and (small == correct_gamma(np.uint8([10]), 3.0)[0]).all()


def test_frames_come_one_by_one_and_are_read_twice_only_if_they_depend_on_each_other():
    opened = []

    def frames():
        opened.append(1)
        return iter(dark_clip())

    for way, count in (("gamma", 1), ("retinex", 2)):
        opened.clear()
        assert len(list(correct_clip(frames, way, **OPTIONS[way]))) == 3 and len(opened) == count


def test_gamma_is_eq_13():
    assert (correct(dark_clip(), "gamma", gamma=3.0) == correct_gamma(dark_clip(), 3.0)).all()


@pytest.mark.parametrize(
    ("way", "options", "message"),
    [
        ("histogram", {}, r"unknown correction 'histogram'; known: \['clahe', 'gamma', 'none', 'retinex'\]"),
        ("clahe", {"clip_limit": 0, "tiles": 8}, "clip_limit 0 and tiles 8 must be above 0"),
        ("retinex", {"sigmas": []}, "one or more numbers above 0"),
        ("retinex", {"sigmas": [3, -1]}, "one or more numbers above 0"),
        ("gamma", {"gamma": 0}, "must be a number > 0"),
    ],
)
def test_refusals(way, options, message):
    with pytest.raises(ValueError, match=message):
        correct(dark_clip(), way, **options)
    with pytest.raises(ValueError, match="corrections take frames uint8"):
        correct(dark_clip().astype(float), "none")
