"""Laws of the dark camera: noise averages to the signal, more light is brighter, seeds are names."""

import dataclasses

import numpy as np
import pytest

from ukdlib.darkroom.camera import (
    CODES,
    FEW,
    FLICKERS,
    Difficulty,
    encode,
    expose,
    exposure_gain,
    flicker,
    generator,
    hand_held,
    tone_curve,
    vignette,
)

DIFFICULTY = Difficulty()


def linear_of(codes):
    """The inverse of encode."""
    x = codes / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def test_encoding_is_srgb():
    np.testing.assert_allclose(encode(np.array([0, 0.0031308, 0.2140, 1])), [0, 10.31, 127.5, 255], atol=0.05)
    assert (np.diff(encode(np.linspace(0, 1, 1000))) > 0).all() and CODES[0] == 0 and CODES[-1] == 255


def test_a_tone_curve_brightens_as_gamma_correction_does():
    linear = np.linspace(0, 1, 1 << 14)
    np.testing.assert_array_equal(CODES, np.round(encode(linear)))
    np.testing.assert_allclose(tone_curve(2.0), 255 * (encode(linear) / 255) ** 0.5, atol=0.5)
    light = np.full(10_000, 0.1, np.float32)
    plain, bright = (expose(light, DIFFICULTY, generator("x"), tone_curve(tone)) for tone in (1.0, 2.2))
    assert bright.mean() == pytest.approx(255 * (plain.mean() / 255) ** (1 / 2.2), rel=0.01)


@pytest.mark.parametrize("electrons", [1.5, FEW - 0.5, FEW + 0.5, 60.0])
def test_photon_noise_has_poissons_mean_and_variance(electrons):
    # a steep camera: one electron is 1/200 of white, so that 8 bits do not hide single electrons
    camera = dataclasses.replace(DIFFICULTY, full_well=200.0, read_noise=0.0)
    light = np.full(200_000, electrons / camera.full_well, np.float32)
    counted = linear_of(expose(light, camera, np.random.Generator(np.random.Philox(1)))) * camera.full_well
    assert counted.mean() == pytest.approx(electrons, rel=0.01)
    assert counted.var() == pytest.approx(electrons, rel=0.05)


def test_the_noise_of_a_dark_grey_averages_to_it():
    light = np.full(100_000, 0.02, np.float32)
    assert linear_of(expose(light, DIFFICULTY, generator("x"))).mean() == pytest.approx(0.02, rel=0.02)


def test_more_exposure_is_brighter_and_steadier():
    scene = np.random.default_rng(0).uniform(0, 0.02, (40, 40, 3)).astype(np.float32)
    shots = [expose(gain * scene, DIFFICULTY, generator("x")).astype(float) for gain in (0.5, 1, 2, 4)]
    assert (np.diff([s.mean() for s in shots]) > 0).all()
    small, large = (dataclasses.replace(DIFFICULTY, full_well=w) for w in (500.0, 8000.0))
    errors = [np.abs(linear_of(expose(scene, d, generator("x"))) - scene).mean() for d in (small, large)]
    assert errors[0] > 2 * errors[1]


@pytest.mark.parametrize("grey", [7.0, 16.0, 40.0])
def test_the_exposure_meter_hits_the_grey_level(grey):
    scene = np.random.default_rng(1).exponential(5.0, (50, 50, 3))
    assert encode(exposure_gain(scene, grey) * scene).mean() == pytest.approx(grey, rel=0.01)


def test_black_stays_black_and_white_stays_white():
    assert expose(np.full(1000, 9.0, np.float32), DIFFICULTY, generator("x")).min() > 250
    silent = dataclasses.replace(DIFFICULTY, read_noise=0.0)
    assert expose(np.zeros(1000, np.float32), silent, generator("x")).max() == 0


def test_a_generator_depends_on_its_words_alone():
    first, again = generator(0, "Walk_1_1").random(5), generator(0, "Walk_1_1").random(5)
    np.testing.assert_array_equal(first, again)
    others = [
        generator(*words).random(5) for words in ((1, "Walk_1_1"), (0, "Walk_1_2"), (0, "Walk_1_1", "noise"))
    ]
    assert all((first != other).all() for other in others)


def test_a_held_camera_shakes_about_its_aim_in_proportion():
    time = np.arange(0, 3, 1 / 60)
    weak, strong = (hand_held(time, a, generator("hand")) for a in (0.01, 0.02))
    np.testing.assert_allclose(strong, 2 * weak)
    assert 0.1 < np.abs(weak).max() / 0.01 < 6 and np.abs(np.diff(weak, axis=0)).max() < 0.01


@pytest.mark.parametrize("kind", sorted(FLICKERS))
def test_lamps_only_get_darker_and_never_go_out(kind):
    level = flicker(np.arange(0, 3, 1 / 60), 0.25, kind, generator(kind))
    assert level.max() <= 1 and level.min() > 0.05


def test_the_lens_dims_the_corners():
    share = vignette((40, 60), 0.4)
    assert share.shape == (40, 60, 1) and share.argmin() == 0
    assert share[20, 30, 0] == pytest.approx(1, abs=1e-3) and share[0, 0, 0] == pytest.approx(0.6, abs=0.02)
