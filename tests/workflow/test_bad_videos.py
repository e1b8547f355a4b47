"""Broken videos are rejected by name and reason, nothing is lost, and too many of them stop the run."""

import cv2
import numpy as np
import pandas as pd
import pytest

from ukdlib.videos.inspection import write_video

OVERLAY = """
run: {{dataset: own}}
datasets:
  own:
    videos: data/own
    classes: data/own/mapping.txt
    splits: [{{all: data/own/list.txt, test_share: 0.5}}]
    group: '_(\\d+)_'
    shards: 2
    max_rejected: {max_rejected}
"""
REASONS = {
    "Walk/Walk_3_1.mp4": "empty file",
    "Walk/Walk_3_2.mp4": "not a readable video",
    "Run/Run_3_1.mp4": "missing file",
    "Run/Run_3_2.mp4": "too short: 3 of at least 8 frames",
    "Run/Run_3_3.mp4": "truncated|not a readable video",
    "Run/Run_3_4.mp4": "a link that leaves the folder of videos",
    "Run/Run_3_5.mp4": "not a readable video",
    "Run/Run_3_6.mp4": "not a readable video",
}


@pytest.fixture
def own(workflow):
    """Eight good clips of two classes and one of each kind of broken one, all of them listed."""
    folder = workflow.folder / "data/own"
    rng = np.random.default_rng(0)
    listed = []
    for label, name in enumerate(["Run", "Walk"]):
        (folder / name).mkdir(parents=True)
        for group in (1, 2):
            for clip in (1, 2):
                listed.append((f"{name}/{name}_{group}_{clip}.mp4", label))
                write_video(str(folder / listed[-1][0]), rng.integers(0, 60, (12, 32, 48, 3), np.uint8), 15)
    (folder / "Walk/Walk_3_1.mp4").touch()
    (folder / "Walk/Walk_3_2.mp4").write_text("a text that was renamed")
    write_video(str(folder / "Run/Run_3_2.mp4"), np.zeros((3, 32, 48, 3), np.uint8), 15)
    whole = (folder / "Run/Run_1_1.mp4").read_bytes()
    (folder / "Run/Run_3_3.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(str(workflow.folder / "secret.mp4"), rng.integers(0, 60, (12, 32, 48, 3), np.uint8), 15)
    (folder / "Run/Run_3_4.mp4").symlink_to("../../../secret.mp4")
    (folder / "Run/Run_3_5.mp4").write_text("ffconcat version 1.0\nfile Run_1_1.mp4\n")
    cv2.imwrite(str(folder / "Run/Run_3_6.png"), np.zeros((32, 48, 3), np.uint8))
    (folder / "Run/Run_3_6.png").rename(folder / "Run/Run_3_6.mp4")
    listed += [(path, path.startswith("Walk")) for path in REASONS]
    (folder / "list.txt").write_text("".join(f"{path} {int(label)}\n" for path, label in listed))
    (folder / "mapping.txt").write_text("0\tRun\n1\tWalk\n")
    return workflow


def arguments(workflow, max_rejected):
    path = workflow.folder / "own.yaml"
    path.write_text(OVERLAY.format(max_rejected=max_rejected))
    return ["results/own/split0/subsets.parquet", "--configfile", str(path)]


def test_broken_videos_are_rejected_and_the_others_are_used(own):
    own.run(*arguments(own, 0.5))
    rejected = pd.read_csv(own.folder / "results/own/rejected.csv").set_index("video_id")["reason"]
    assert len(rejected) == len(REASONS)
    for path, reason in REASONS.items():
        stem = path.split("/")[1].removesuffix(".mp4")
        assert any(part in rejected[stem] for part in reason.split("|")), rejected[stem]
    subsets = pd.read_parquet(own.folder / "results/own/split0/subsets.parquet")
    assert len(subsets) == 8 and not set(subsets["video_id"]) & set(rejected.index)


def test_too_many_broken_videos_stop_the_run_with_their_names(own):
    done = own.snakemake("--cores", "2", *arguments(own, 0.1))
    assert done.returncode != 0
    assert not (own.folder / "results/own/clips.parquet").exists()
    log = (own.folder / "logs/index_videos/own.log").read_text()
    assert "8 of 16 videos" in log and "Walk_3_1" in log and "empty file" in log
