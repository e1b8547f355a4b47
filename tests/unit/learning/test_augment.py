"""Laws of augmentation: agreement with F.interpolate, and what flips and padding may change."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ukdlib.learning.augment import Modality, augment
from ukdlib.learning.views import Views

PIXELS = Modality("rgb", mean=0.0, std=1 / 255, flow=False)  # leaves pixel values as they are
CODES = Modality("flow", mean=0.0, std=1 / 255, flow=True)
FRAMES = torch.randint(
    0, 256, (2, 3, 40, 60, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
SIZES = torch.tensor([[40, 60], [40, 60]])


def views(side, y, x, flip, n=2):
    return Views(*(np.full(n, value, np.float32) for value in (0, side, y, x, flip)))


def scaled(frames, size):
    """F.interpolate of (T, H, W, C) uint8 -> (C, T, *size)."""
    pictures = frames.permute(0, 3, 1, 2).float()
    return F.interpolate(pictures, size=size, mode="bilinear", antialias=True).transpose(0, 1)


@pytest.mark.parametrize("crop", [10, 24, 40, 56])
def test_a_full_height_crop_is_a_slice_of_the_scaled_frame(crop):
    """Shrinking by 4 to enlarging by 1.4; the crop is the left, then the right end of the long side."""
    whole = scaled(FRAMES[0], (crop, crop * 3 // 2))
    for x, part in ((0.0, whole[..., :crop]), (1.0, whole[..., -crop:])):
        cut = augment(FRAMES, SIZES, views(1.0, 0.5, x, 0), crop, PIXELS)
        torch.testing.assert_close(cut[0], part, atol=2e-3, rtol=0)


def test_a_smaller_crop_is_a_slice_of_the_scaled_frame():
    # short side 40 -> 20, then 16 x 16 pixels from row 3 of 4 and column 7 of 14 that are free
    cut = augment(FRAMES, SIZES, views(16 / 20, 3 / 4, 7 / 14, 0), 16, PIXELS)
    torch.testing.assert_close(cut[1], scaled(FRAMES[1], (20, 30))[..., 3:19, 7:23], atol=2e-3, rtol=0)


def test_a_crop_at_true_size_copies_pixels():
    cut = augment(FRAMES, SIZES, views(16 / 40, 0.5, 0.25, 0), 16, PIXELS)
    expected = FRAMES[0].permute(3, 0, 1, 2)[:, :, 12:28, 11:27].float()
    torch.testing.assert_close(cut[0], expected, atol=2e-3, rtol=0)


def test_a_flip_reverses_columns_and_nothing_else():
    straight, flipped = (augment(FRAMES, SIZES, views(0.7, 0.2, 0.3, flip), 20, PIXELS) for flip in (0, 1))
    torch.testing.assert_close(flipped, straight.flip(-1), atol=2e-3, rtol=0)


def test_flipped_flow_has_its_u_negated_around_code_128():
    codes = FRAMES[..., :2]
    straight, flipped = (augment(codes, SIZES, views(0.7, 0.2, 0.3, flip), 20, CODES) for flip in (0, 1))
    torch.testing.assert_close(flipped[:, 0] - 128, -(straight[:, 0].flip(-1) - 128), atol=2e-3, rtol=0)
    torch.testing.assert_close(flipped[:, 1], straight[:, 1].flip(-1), atol=2e-3, rtol=0)


def test_no_flow_stays_no_flow():
    still = torch.full((2, 3, 40, 60, 2), 128, dtype=torch.uint8)
    modality = Modality("flow", mean=128 / 255, std=0.05, flow=True)
    assert augment(still, SIZES, views(0.7, 0.2, 0.3, 1), 20, modality).abs().max() < 1e-4


@pytest.mark.parametrize("filling", [0, 255])
def test_padding_is_never_seen(filling):
    small = FRAMES[:1, :, :30, :50]
    padded = torch.full_like(FRAMES, filling)
    padded[0, :, :30, :50] = small[0]
    sizes = torch.tensor([[30, 50], [40, 60]])
    whole, alone = views(1.0, 0.5, 1.0, 0), views(1.0, 0.5, 1.0, 0, n=1)
    together = augment(padded, sizes, whole, 12, PIXELS)
    torch.testing.assert_close(together[:1], augment(small, sizes[:1], alone, 12, PIXELS), atol=1e-3, rtol=0)


def test_a_uniform_image_stays_uniform():
    grey = torch.full((2, 1, 40, 60, 3), 77, dtype=torch.uint8)
    cut = augment(grey, SIZES, views(0.9, 0.1, 0.9, 0), 33, PIXELS)
    torch.testing.assert_close(cut, torch.full_like(cut, 77.0), atol=1e-3, rtol=0)


def test_normalisation_per_channel():
    modality = Modality("rgb", mean=[0.1, 0.2, 0.3], std=[0.5, 0.25, 0.125], flow=False)
    view = views(1.0, 0.5, 0.5, 0)
    plain, normal = (augment(FRAMES, SIZES, view, 20, m) for m in (PIXELS, modality))
    for channel, (mean, std) in enumerate(zip(modality.mean, modality.std, strict=True)):
        torch.testing.assert_close(
            normal[:, channel], (plain[:, channel] / 255 - mean) / std, atol=1e-4, rtol=0
        )


def test_shape_is_that_of_a_network_input():
    assert augment(FRAMES, SIZES, views(1.0, 0, 0, 0), 20, PIXELS).shape == (2, 3, 3, 20, 20)
