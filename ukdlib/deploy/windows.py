"""
Windows of a video in time: those of a test, and those that slide; and what was found in them, over time.

Everything here is arrays and numbers. Times are in seconds from the first frame.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ukdlib.learning.views import frame_indices


class Window(NamedTuple):
    """Number of its first frame, number after its last, and its frames uint8 (T, H, W, C)."""

    first: int
    end: int
    frames: np.ndarray


def test_windows(frames: Sequence[np.ndarray], clips: int, length: int, stride: int) -> np.ndarray:
    """The windows (clips, T, H, W, C) of a whole video on which networks are tested, spread evenly; T = length."""
    starts = np.linspace(0, 1, clips) if clips > 1 else [0.5]
    chosen = [frame_indices(float(start), len(frames), length, stride) for start in starts]
    return np.stack([np.stack([frames[number] for number in numbers]) for numbers in chosen])


test_windows.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of its name


def sliding(frames: Iterable[np.ndarray], length: int, stride: int, hop: float) -> Iterator[Window]:
    """
    A window every `hop` frames, which need be no whole number: the k-th begins with frame round(k * hop), but no two
    with the same. One more ends with the last frame, if none does.

    Memory is that of one window. A video shorter than a window has one, in which it is repeated.
    """
    span = (length - 1) * stride + 1
    held: deque[np.ndarray] = deque(maxlen=span)
    seen = ended = number = due = 0
    for frame in frames:
        held.append(frame)
        seen += 1
        if seen - span == due:
            ended, number = seen, number + 1
            due = max(round(number * hop), due + 1)
            yield Window(seen - span, seen, np.stack(list(held)[::stride]))
    if ended < seen:
        numbers = frame_indices(1.0, len(held), length, stride)
        yield Window(seen - len(held), seen, np.stack([held[number] for number in numbers]))


class Segment(NamedTuple):
    """A stretch of time with one class: begin and end in seconds, class number (-1: unsure), mean probability."""

    start: float
    end: float
    label: int
    probability: float


def smoothed(probabilities: np.ndarray, count: int) -> np.ndarray:
    """
    Means (N, C) over `count` successive windows, the middle one in the middle; fewer at both ends.

    count: odd, so that nothing moves in time.
    """
    if count < 1 or count % 2 == 0:
        raise ValueError(f"smoothing takes an odd number of windows, at least 1; got {count}")
    sums = np.cumsum(np.concatenate([np.zeros_like(probabilities[:1]), probabilities]), axis=0)
    centres = np.arange(len(probabilities))
    low, high = np.maximum(centres - count // 2, 0), np.minimum(centres + count // 2 + 1, len(probabilities))
    return (sums[high] - sums[low]) / (high - low)[:, None]


def segments(
    times: Sequence[tuple[float, float]], probabilities: np.ndarray, threshold: float = 0.0
) -> list[Segment]:
    """
    Successive windows of one class as stretches that leave no gap; two meet halfway between the windows' centres.

    times: (begin, end) of N windows; probabilities (N, C); threshold: below it a window is unsure (-1).
    """
    labels = np.where(probabilities.max(axis=1) >= threshold, probabilities.argmax(axis=1), -1)
    centres = np.array(times).mean(axis=1)
    changes = np.flatnonzero(np.diff(labels)) + 1
    firsts, ends = np.array([0, *changes]), np.array([*changes, len(labels)])
    borders = [times[0][0], *((centres[changes - 1] + centres[changes]) / 2), times[-1][1]]
    return [
        Segment(
            float(borders[i]),
            float(borders[i + 1]),
            int(labels[first]),
            _mean_of(probabilities[first:end], int(labels[first])),
        )
        for i, (first, end) in enumerate(zip(firsts, ends, strict=True))
    ]


def _mean_of(probabilities: np.ndarray, label: int) -> float:
    """Of one class, or, where the windows are unsure, of each window's most probable."""
    return float((probabilities.max(axis=1) if label < 0 else probabilities[:, label]).mean())
