"""Windows over time: what they contain, that nothing is left out, and where one class gives way to another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukdlib.deploy.windows import Segment, segments, sliding, smoothed, test_windows
from ukdlib.learning.views import frame_indices


def numbered(count):
    """Frames (1, 1, 1) that hold their own number."""
    return [np.full((1, 1, 1), number, np.uint16) for number in range(count)]


def numbers(window):
    return window.frames.ravel().tolist()


def test_a_hop_between_frames_is_kept_on_the_whole():
    """0.1 s at 15 frames per second: 1.5 frames."""
    firsts = [window.first for window in sliding(iter(numbered(40)), 2, 1, 1.5)]
    assert firsts[:9] == [0, 2, 3, 4, 6, 8, 9, 10, 12]
    assert [window.first for window in sliding(iter(numbered(5)), 1, 1, 0.01)] == [0, 1, 2, 3, 4]


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 60), length=st.integers(1, 6), stride=st.integers(1, 5), hop=st.integers(1, 12))
def test_windows_are_every_hop_and_the_last_one_ends_with_the_video(count, length, stride, hop):
    found = list(sliding(iter(numbered(count)), length, stride, hop))
    span = (length - 1) * stride + 1
    assert found[-1].end == count
    if count < span:
        assert len(found) == 1 and numbers(found[0]) == frame_indices(1.0, count, length, stride).tolist()
        return
    assert [window.first for window in found][: (count - span) // hop + 1] == list(
        range(0, count - span + 1, hop)
    )
    assert len(found) - ((count - span) // hop + 1) == ((count - span) % hop > 0)
    for window in found:
        assert numbers(window) == list(range(window.first, window.end, stride))


def test_windows_of_a_whole_video_are_those_of_the_test():
    found = test_windows(numbered(30), 3, 4, 2)
    expected = [frame_indices(start, 30, 4, 2).tolist() for start in (0.0, 0.5, 1.0)]
    assert [each.ravel().tolist() for each in found] == expected
    assert test_windows(numbered(30), 1, 4, 2).ravel().tolist() == expected[1]


@pytest.mark.parametrize("hop", [2, 5, 8])
@pytest.mark.parametrize("cut", [33, 40, 47])
def test_a_cut_is_found_within_half_a_hop(hop, cut):
    """With a recogniser that is right as soon as most of a window is of a class, and windows that cut halves."""
    frames = [np.full((1, 1, 1), number >= cut, np.uint8) for number in range(90)]
    found = list(sliding(iter(frames), 8, 2, hop))
    shares = np.array([window.frames.mean() for window in found])
    times = [(float(window.first), float(window.end)) for window in found]
    stretches = segments(times, np.stack([1 - shares, shares], axis=1))
    assert [each.label for each in stretches] == [0, 1]
    assert (
        abs(stretches[0].end - cut) <= hop / 2 + 1
    )  # a frame of rounding: a window looks at every other one


def test_segments_leave_no_gap_and_meet_halfway():
    times = [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0), (3.0, 5.0)]
    found = segments(times, np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.45, 0.55]]), threshold=0.6)
    assert [(each.start, each.end, each.label) for each in found] == [
        (0.0, 2.5, 0),
        (2.5, 3.5, 1),
        (3.5, 5.0, -1),
    ]
    assert [each.probability for each in found] == pytest.approx([0.8, 0.8, 0.55])
    assert segments(times[:1], np.array([[0.4, 0.6]])) == [Segment(0.0, 2.0, 1, 0.6)]


def test_smoothing_averages_neighbours_and_keeps_constants_and_places():
    values = np.eye(5)
    assert np.array_equal(smoothed(values, 1), values)
    assert smoothed(values, 3)[2].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert smoothed(values, 3)[0].tolist() == pytest.approx([0.5, 0.5, 0, 0, 0])
    assert np.allclose(smoothed(values, 5).sum(axis=1), 1) and np.allclose(smoothed(np.ones((4, 2)), 3), 1)
    for count in (0, 2, -1):
        with pytest.raises(ValueError, match="odd number"):
            smoothed(values, count)
