"""Laws of views: they depend on (video_id, number) alone and stay inside the video."""

import numpy as np
import pytest

from ukdlib.learning.views import VIEW_FIELDS, frame_indices, join_views, random_views, test_views

IDS = [f"video{i}" for i in range(400)]
VIEWS = random_views(IDS, [3] * 400, crop=64, short_side=(64, 96))


def same(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in VIEW_FIELDS)


def test_a_view_is_the_same_whatever_else_is_drawn():
    alone = random_views([IDS[7]], [3], crop=64, short_side=(64, 96))
    assert same(alone, VIEWS.take([7]))


def test_another_number_or_video_gives_another_view():
    draws = random_views([IDS[0], IDS[0], IDS[1]], [0, 1, 0], crop=64, short_side=(64, 96))
    assert len(set(draws.start)) == len(set(draws.x)) == 3


def test_ids_and_numbers_are_not_confused_with_each_other():
    draws = random_views(["a1", "a"], [1, 11], crop=64, short_side=(64, 96))
    assert draws.x[0] != draws.x[1]


def test_values_fill_their_ranges_evenly():
    for name in ("start", "y", "x"):
        values = getattr(VIEWS, name)
        assert 0 <= values.min() and values.max() <= 1
        assert abs(values.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 400)  # four standard errors
    short_side = 64 / VIEWS.side
    assert 64 - 1e-4 <= short_side.min() and short_side.max() <= 96 + 1e-4
    assert abs(short_side.mean() - 80) < 4 * 32 * np.sqrt(1 / 12 / 400)
    assert abs(VIEWS.flip.mean() - 0.5) < 0.1 and set(VIEWS.flip) == {0.0, 1.0}


def test_without_flip_the_rest_of_the_view_stays():
    still = random_views(IDS, [3] * 400, crop=64, short_side=(64, 96), flip=False)
    assert not still.flip.any() and np.array_equal(still.x, VIEWS.x)


def test_one_test_view_is_the_centre():
    view = test_views(1, 1, crop=64, short_side=80)
    assert [float(getattr(view, name)[0]) for name in VIEW_FIELDS] == pytest.approx([0.5, 0.8, 0.5, 0.5, 0])


def test_ten_by_three_views_cover_time_and_the_long_side():
    wide, tall = (test_views(10, 3, 224, 256, landscape=landscape) for landscape in (True, False))
    assert len(wide) == 30
    assert np.allclose(wide.start.reshape(10, 3)[:, 0], np.linspace(0, 1, 10))
    assert set(wide.x) == set(tall.y) == {0, 0.5, 1} and set(wide.y) == set(tall.x) == {0.5}


def test_joined_views_keep_their_order():
    assert same(join_views([VIEWS.take([0, 1]), VIEWS.take([2])]), VIEWS.take([0, 1, 2]))


@pytest.mark.parametrize(("start", "expected"), [(0, [0, 2, 4]), (0.5, [3, 5, 7]), (1, [5, 7, 9])])
def test_window_of_every_second_frame(start, expected):
    assert frame_indices(start, 10, frames=3, stride=2).tolist() == expected


def test_every_first_frame_is_equally_likely():
    firsts = [frame_indices(start, 10, 3, 2)[0] for start in (np.arange(600) + 0.5) / 600]
    assert np.bincount(firsts).tolist() == [100] * 6


def test_a_short_video_is_looped():
    assert frame_indices(0.7, 4, frames=6, stride=1).tolist() == [0, 1, 2, 3, 0, 1]
    assert frame_indices(0.7, 1, frames=3, stride=8).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_views(["a"], [0], 64, (60, 80)), r"short_side \[60, 80\] .* crop 64"),
        (lambda: random_views(["a"], [0], 64, (90, 80)), "ascending"),
        (lambda: test_views(1, 2, 64, 80), r"test_crops 2 is not one of \[1, 3\]"),
        (lambda: test_views(1, 1, 64, 60), "test_short_side 60 is smaller than crop 64"),
        (lambda: frame_indices(0, 0, 8, 2), "num_frames 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
