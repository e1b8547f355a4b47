"""Measures of clips, on clips whose values are known."""

import numpy as np
import pytest

from ukdlib.flow.clips import quantise
from ukdlib.frames.measures import clipped_share, measure_flow, measure_pictures, noise


@pytest.mark.parametrize("sigma", [1.0, 4.0, 12.0])
def test_the_noise_of_a_noisy_slope_is_found(sigma):
    rng = np.random.default_rng(0)
    slope = 60 + np.add.outer(np.arange(120), 0.5 * np.arange(160)) / 4
    assert noise(slope + rng.normal(0, sigma, slope.shape)) == pytest.approx(sigma, rel=0.05)


def test_slopes_and_straight_edges_are_no_noise():
    assert noise(np.add.outer(2.0 * np.arange(40), np.arange(50))) == pytest.approx(0, abs=1e-4)
    edge = np.zeros((40, 50))
    edge[:, 25:] = 200
    assert noise(edge) == 0
    assert noise(np.zeros((2, 9))) == 0


def test_brightness_and_clipping_of_a_clip_in_two_halves():
    frames = np.zeros((2, 10, 20, 3), np.uint8)
    frames[:, :, 10:] = 255
    found = measure_pictures(frames)
    assert found["mean"] == pytest.approx(127.5) and (found["dark"], round(found["bright"])) == (0, 255)
    assert found["black"] == found["white"] == 0.5


def test_speed_and_share_of_clipped_flow():
    flow = np.zeros((1, 4, 5, 2), np.float32)
    flow[0, 0, :, 0] = 3.0
    flow[0, 0, :, 1] = 4.0  # a quarter of the vectors have the length 5
    found = measure_flow(quantise(flow, 20.0), 20.0)
    assert found["speed"] == pytest.approx(5 / 4, abs=0.05) and found["fast"] == pytest.approx(5, abs=0.15)
    assert found["clipped"] == 0
    flow[0, 1, 0] = (-30, 0)
    flow[0, 1, 1] = (0, 20)  # just at the bound
    assert clipped_share(quantise(flow, 20.0)) == pytest.approx(2 / 20)
