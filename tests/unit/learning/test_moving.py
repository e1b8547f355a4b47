"""`moving`: what changes in a clip, whatever place and light it is seen in."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ukdlib.learning.augment import Modality, augment, changes
from ukdlib.learning.views import Views
from ukdlib.pictures.changes import FAR, changed_picture

RGB = Modality("rgb", 0.45, 0.225, False)
MOVING = replace(RGB, name="moving", moving=True)


@pytest.fixture
def clips():
    return 255 * torch.rand(2, 3, 8, 10, 12, generator=torch.Generator().manual_seed(0))


def still(like):
    return 90 * torch.rand(like[:, :, :1].shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "seen",
    [lambda c: c + still(c), lambda c: c + 17, lambda c: 0.2 * c, lambda c: 3 * c + 5 + still(c)],
    ids=["another place", "a constant light", "another exposure", "all of them"],
)
def test_place_light_and_exposure_do_not_count(clips, seen):
    torch.testing.assert_close(changes(seen(clips)), changes(clips), atol=2e-4, rtol=0)


def test_by_hand():
    """One pixel of four frames, 0 0 0 8: mean 2, changes -2 -2 -2 6, standard deviation sqrt(12)."""
    clip = torch.tensor([0.0, 0, 0, 8]).reshape(1, 1, 4, 1, 1)
    expected = torch.tensor([-2.0, -2, -2, 6]) / 12**0.5
    torch.testing.assert_close(changes(clip).flatten(), expected)


def test_nothing_changes_in_a_still_clip_and_nothing_is_far_away(clips):
    assert changes(still(clips).expand_as(clips)).abs().max() < 0.01  # rounding
    spike = torch.zeros_like(clips)
    spike[:, :, 3, 4, 4] = 255
    assert changes(spike).max() == FAR and torch.isfinite(changes(spike)).all()


def test_each_clip_of_a_batch_counts_alone(clips):
    torch.testing.assert_close(changes(clips)[1:], changes(clips[1:]), atol=0, rtol=0)


def test_it_is_what_augment_makes_of_the_same_crop(clips):
    """Of frames as they are stored, cropped, scaled and flipped as any other modality."""
    frames = clips.permute(0, 2, 3, 4, 1).byte()
    numbers = {name: np.array([0.8, 0.6], np.float32) for name in ("side", "y", "x")}
    views = Views(start=np.zeros(2, np.float32), flip=np.array([1.0, 0.0], np.float32), **numbers)
    sizes = torch.tensor([[10, 12], [10, 12]])
    crop = augment(frames, sizes, views, 6, replace(RGB, mean=0.0, std=1 / 255))
    torch.testing.assert_close(augment(frames, sizes, views, 6, MOVING), changes(crop), atol=1e-4, rtol=0)
    assert MOVING.channels == 3


def test_the_report_shows_what_the_network_sees(clips):
    frames = clips[0].permute(1, 2, 3, 0).byte()
    seen = changes(clips[:1].byte().float())[0, :, 5].permute(1, 2, 0)
    shown = changed_picture(frames.numpy(), 5)
    assert np.abs(shown - (127.5 + 127.5 / FAR * seen.numpy())).max() <= 1
