"""
Real ARID clips, if available.

UKD_ARID_CLIPS (or data/arid_clips) holds train.txt, mapping_table.txt and train/<Class>/*.mp4.
"""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.levels import light_of
from ukdlib.frames.gamma import correct_gamma
from ukdlib.pictures.levels import STEP
from ukdlib.videos.annotations import locate, read_classes, read_list
from ukdlib.videos.decoding import Film, read_video
from ukdlib.videos.inspection import inspect_video

FOLDER = Path(os.environ.get("UKD_ARID_CLIPS", Path(__file__).parents[3] / "data/arid_clips"))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "train.txt").exists(),
    reason=f"no real ARID clips under {FOLDER}; they may not be distributed",
)


def test_list_and_files_agree():
    classes = read_classes(str(FOLDER / "mapping_table.txt"))
    annotations = read_list(str(FOLDER / "train.txt"), classes)
    assert len(annotations) == 150
    assert all(locate(str(FOLDER / "train"), annotation.path) for annotation in annotations)


def test_clips_are_dark_and_gamma_brightens_them():
    for path in sorted((FOLDER / "train").rglob("*.mp4"))[::30]:
        frames, fps = read_video(str(path))
        assert fps == pytest.approx(30, abs=0.1) and frames.shape[1:] == (240, 320, 3)
        brighter = correct_gamma(frames, 3.0)
        assert (
            frames.mean() < 40 and (brighter >= frames).all() and np.median(brighter) > 2 * np.median(frames)
        )
        assert inspect_video(str(path))["num_frames"] == len(frames)


def test_every_clip_keeps_its_mean_level():
    """Against a computation from Y, Cb and Cr in floating point, of frames far apart."""
    paths = sorted([*FOLDER.rglob("*.mp4"), *FOLDER.rglob("*.avi")])
    assert len(paths) >= 150
    for path in paths:
        exact = 255 * light_of(str(path), every=16).mean()
        found = np.mean([levels.mean() / STEP for levels in islice(Film(str(path)), None, None, 16)])
        assert abs(found - exact) < 0.1, path
