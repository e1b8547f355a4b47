"""Strips of small pictures, one for each clip: a few moments side by side, bright enough to be seen, as WebP."""

import base64
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ukdlib.flow.clips import dequantise, picture
from ukdlib.frames.brightening import bright, gamma_for
from ukdlib.frames.store import FrameStore, open_shards
from ukdlib.pictures.levels import as_bytes, as_levels

MOMENTS = 5  # of a clip, evenly spaced
HEIGHT = 60  # pixels of a picture
WIDEST = 2.0  # times its height; what is beyond is cut off at both sides
GAP = 2  # black pixels between two
QUALITY = 50  # of WebP, of 100

Strips = Callable[[str], str | None]  # from a video's name to its strip, base64 of WebP; None without frames


def picture_strips(shards: Sequence[str]) -> Strips:
    """Strips of corrected frames."""
    store = open_shards(shards)
    known = set(store.video_ids)
    return lambda video_id: _pictures(_moments(store, video_id)) if video_id in known else None


def flow_strips(shards: Sequence[str], bound: float | None) -> Strips:
    """
    Strips of the flow at the same moments, in colours; none of any clip without shards.

    bound: largest flow that the codes hold, in pixels; None without shards.
    """
    if bound is None:
        return lambda video_id: None
    store = open_shards(shards)
    known = set(store.video_ids)

    def made(video_id: str) -> str | None:
        """All moments of a clip in one scale."""
        if video_id not in known:
            return None
        return strip(picture(dequantise(_moments(store, video_id), bound)))

    return made


def _pictures(frames: np.ndarray) -> str:
    """Corrected frames of dark clips are still pale and grey: their brightest hundredth becomes white."""
    full = max(float(np.percentile(frames, 99)), 1.0)
    clear = np.minimum(frames * (255 / full), 255).astype(np.uint8)
    gamma = gamma_for(clear)
    return strip([bright(frame, gamma) for frame in clear])


def _moments(store: FrameStore, video_id: str) -> np.ndarray:
    """Frames (MOMENTS, H, W, C) from the middles of as many equal parts of a clip; short clips repeat some."""
    middles = (np.arange(MOMENTS) + 0.5) / MOMENTS
    return store.window(video_id, (middles * store.shape(video_id)[0]).astype(int))


def strip(images: Sequence[np.ndarray] | np.ndarray) -> str:
    """Images (H, W, 3) uint8 side by side, HEIGHT high, as base64 of WebP."""
    small = np.concatenate([np.pad(_small(image), ((0, 0), (0, GAP), (0, 0))) for image in images], axis=1)
    small = small[:, :-GAP]
    done, encoded = cv2.imencode(".webp", small[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    assert done
    return base64.b64encode(encoded.tobytes()).decode()


def _small(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    kept = min(width, round(WIDEST * height))
    left = (width - kept) // 2
    cut = as_levels(image[:, left : left + kept])
    size = (max(1, round(kept * HEIGHT / height)), HEIGHT)
    how = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_LINEAR
    return as_bytes(cv2.resize(cut, size, interpolation=how))
