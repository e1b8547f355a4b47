"""Gamma correction is Eq. 13 rounded, on every grey level."""

import math

import numpy as np
import pytest

from ukdlib.frames.gamma import correct_gamma

LEVELS = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("gamma", [0.5, 1.8, 3.0, 10.0])
def test_every_grey_level_follows_equation_13(gamma):
    expected = [round(255 * math.pow(level / 255, 1 / gamma)) for level in range(256)]
    assert correct_gamma(LEVELS, gamma).tolist() == expected


def test_a_dark_level_by_hand():
    assert correct_gamma(np.uint8([8]), 3.0)[0] == 80  # 255 * (8 / 255) ** (1 / 3) = 80.4


def test_gamma_one_changes_nothing():
    assert (correct_gamma(LEVELS, 1.0) == LEVELS).all()


@pytest.mark.parametrize("gamma", [0.3, 2.0, 5.0])
def test_order_and_ends_of_the_grey_scale_stay(gamma):
    corrected = correct_gamma(LEVELS, gamma).astype(int)
    assert (np.diff(corrected) >= 0).all()
    assert corrected[0] == 0 and corrected[255] == 255


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4, 3), (0, 4, 4, 3)])
def test_any_shape_is_kept_and_the_input_left_alone(shape):
    frames = np.full(shape, 30, np.uint8)
    corrected = correct_gamma(frames, 3.0)
    assert corrected.shape == shape and corrected.dtype == np.uint8
    assert (frames == 30).all() and (corrected == 125).all()


def test_a_view_with_gaps_is_corrected_like_its_copy():
    frames = np.random.default_rng(0).integers(0, 256, (4, 6, 8, 3), dtype=np.uint8)[:, ::2, ::-1]
    assert (correct_gamma(frames, 2.2) == correct_gamma(frames.copy(), 2.2)).all()


@pytest.mark.parametrize("gamma", [0, -1, math.nan, math.inf])
def test_impossible_gamma_is_refused(gamma):
    with pytest.raises(ValueError, match=r"gamma is .*> 0"):
        correct_gamma(LEVELS, gamma)


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="uint8 and uint16 frames, got float32"):
        correct_gamma(np.zeros(3, np.float32), 2.0)
