"""
Decoded pictures to the frames that a network was trained on, one after the other: the same steps as in the pipeline.

A step is an entry of the configuration's modalities: a correction, or optical flow, with its size and how it is stored.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ukdlib.flow import flow_clip
from ukdlib.frames.corrections import OF_WHOLE_CLIP, correct_clip
from ukdlib.frames.encoding import as_stored
from ukdlib.pictures.levels import as_levels, resize
from ukdlib.settings.data_checks import TRANSFORM_KEYS
from ukdlib.videos.containers import VideoError

Pictures = Callable[[], Iterable[np.ndarray]]


def prepared(pictures: Pictures, steps: Sequence[dict[str, Any]], at_most: int) -> Iterator[np.ndarray]:
    """
    Frames uint8 (H, W, C) of pictures uint8 or uint16 (H, W, 3), as many.

    pictures(): all of them; called twice if a correction looks at the whole clip first. steps: from the video on, each
    {transform, short_side, codec, and its options}. at_most: largest short side that is kept where the first step does
    not say. VideoError where flow has a single frame.
    """
    if steps[0]["short_side"] is None:
        pictures = partial(_reduced, pictures, at_most)
    for step in steps:
        pictures = partial(_made, pictures, step)
    yield from pictures()


def needs_whole_clip(steps: Sequence[dict[str, Any]]) -> bool:
    """Whether frames depend on those that follow, as those of `retinex` do: then there is no stream."""
    return any(step["transform"] in OF_WHOLE_CLIP for step in steps)


def _reduced(pictures: Pictures, at_most: int) -> Iterator[np.ndarray]:
    for picture in pictures():
        large = min(picture.shape[:2]) > at_most
        yield resize(as_levels(picture)[None], at_most)[0] if large else picture


def _made(pictures: Pictures, step: dict[str, Any]) -> Iterator[np.ndarray]:
    """The frames of one step, as they are read back from where they are stored."""
    way = _flow if step["transform"] == "tvl1" else _corrected
    for frame in way(pictures, step):
        yield as_stored(frame, step["codec"])


def _corrected(pictures: Pictures, step: dict[str, Any]) -> Iterator[np.ndarray]:
    options = {key: step[key] for key in TRANSFORM_KEYS[step["transform"]]}
    return correct_clip(pictures, step["transform"], step["short_side"], **options)


def _flow(pictures: Pictures, step: dict[str, Any]) -> Iterator[np.ndarray]:
    """Codes from each picture to the next; those of the last pair twice."""
    codes = None
    for pair in pairwise(pictures()):
        both = resize(np.stack(pair), step["short_side"])
        codes = flow_clip(both, step["preset"], step["bound"], step["backend"])[0]
        yield codes
    if codes is None:
        raise VideoError("one frame: there is no optical flow")
    yield codes
