"""
Views: the part of a video, in time and space, that a network sees.

A random view is a function of (video_id, number) alone, drawn from a counter-based generator. So every
teacher, every modality and every later run sees the same crop of the same video, and a student can replay the
views of its targets without stored pixels.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Views:
    """N views; five float32 arrays (N,), independent of the videos' sizes."""

    start: np.ndarray  # [0, 1] position of the window among its possible first frames
    side: np.ndarray  # (0, 1] side of the square crop, as share of the frame's short side
    y: np.ndarray  # [0, 1] position of the crop in the free range of rows
    x: np.ndarray  # [0, 1] the same for columns
    flip: np.ndarray  # 1 = flipped horizontally

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Views":
        """The views of some rows, in their order."""
        return Views(*(getattr(self, name)[rows] for name in VIEW_FIELDS))


VIEW_FIELDS = ("start", "side", "y", "x", "flip")


def join_views(parts: Sequence[Views]) -> Views:
    """All views of several sets, one after the other."""
    return Views(*(np.concatenate([getattr(part, name) for part in parts]) for name in VIEW_FIELDS))


def random_views(
    video_ids: Sequence[str],
    numbers: Sequence[int] | np.ndarray,
    crop: int,
    short_side: tuple[float, float],
    flip: bool = True,
) -> Views:
    """
    View `numbers[i]` of video `video_ids[i]`: the short side is scaled to a size drawn from `short_side`
    (pixels, lowest and highest), then `crop` x `crop` pixels are cropped anywhere and flipped half of the time.
    """
    low, high = short_side
    if not crop <= low <= high:
        raise ValueError(f"views: short_side {list(short_side)} must be ascending and at least crop {crop}")
    draws = [_draw(video_id, int(number)) for video_id, number in zip(video_ids, numbers, strict=True)]
    start, scale, y, x, coin = np.array(draws, dtype=np.float64).reshape(-1, 5).T
    flipped = (coin < 0.5) & flip
    return Views(*(v.astype(np.float32) for v in (start, crop / (low + scale * (high - low)), y, x, flipped)))


def _draw(video_id: str, number: int) -> np.ndarray:
    """Five numbers in [0, 1) that depend only on the arguments."""
    digest = hashlib.blake2b(f"{video_id}\0{number}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little"))).random(5)


def test_views(clips: int, crops: int, crop: int, short_side: float, landscape: bool = True) -> Views:
    """
    The clips x crops fixed views of one video, clip by clip: windows spread evenly from first to last start
    (one clip: the middle); crops along the long side, 1 = centre, 3 = both ends and the centre.
    """
    if crops not in CROP_POSITIONS:
        raise ValueError(f"views: test_crops {crops} is not one of {sorted(CROP_POSITIONS)}")
    if not crop <= short_side:
        raise ValueError(f"views: test_short_side {short_side} is smaller than crop {crop}")
    starts = np.linspace(0, 1, clips) if clips > 1 else np.array([0.5])
    start, along = (a.ravel() for a in np.meshgrid(starts, CROP_POSITIONS[crops], indexing="ij"))
    centre, side = np.full_like(along, 0.5), np.full_like(along, crop / short_side)
    y, x = (centre, along) if landscape else (along, centre)
    return Views(*(v.astype(np.float32) for v in (start, side, y, x, np.zeros_like(along))))


test_views.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of its name
CROP_POSITIONS = {1: [0.5], 3: [0.0, 0.5, 1.0]}


def frame_indices(start: float, num_frames: int, frames: int, stride: int) -> np.ndarray:
    """
    Indices (frames,) of a window of every `stride`-th frame of a video of `num_frames`; start: [0, 1] along
    the possible first frames, each equally likely; a video shorter than the window is looped.
    """
    if min(num_frames, frames, stride) < 1:
        raise ValueError(
            f"views: num_frames {num_frames}, frames {frames}, stride {stride} must be at least 1"
        )
    free = max(num_frames - ((frames - 1) * stride + 1), 0)
    first = min(int(start * (free + 1)), free)
    return (first + np.arange(frames) * stride) % num_frames
