"""A folder of videos with all kinds of odd names runs through: nothing is lost or executed, all is accounted for."""

import os
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest

from ukdlib.frames.corrections import correct_clip
from ukdlib.frames.store import open_shards
from ukdlib.videos.inspection import write_video

GOOD = [  # below the folder of their class
    "Run/plain.mp4", "Run/two words.mp4", "Run/it's.mp4", 'Run/a "quote".mp4', "Run/line\nend.mp4", "Run/-rf.mp4",
    "Run/$(touch evil).mp4", "Run/`touch evil`.mp4", "Run/; touch evil;.mp4", "Run/{wildcard}.mp4", "Run/%s.mp4",
    "走る/日本語.mp4", "走る/deep/er/é.mp4", "走る/*.mp4", "走る/[a-z]?.mp4", "走る/ lead and trail .mp4",
    "走る/tab\there.mp4", "走る/back\\slash.mp4", "走る/&&.mp4", "走る/#.mp4", "走る/~.mp4", "走る/{{}}.mp4",
    "Run/fall <take>.mp4", "走る/<b>x</b>.mp4",
]  # fmt: skip
BAD = {
    "Run/empty.mp4": "empty file",
    "Run/text.mp4": "not a readable video",
    "走る/short.mp4": "too short: 3 of at least 8 frames",
}
OVERLAY = """
run: {dataset: own}
datasets:
  own: {videos: data/own, splits: [{test_share: 0.4}], shards: 1, max_rejected: 0.5}
modalities: {dark: {short_side: 32}}
"""


@pytest.fixture
def own(workflow):
    folder = workflow.folder / "data/own"
    rng = np.random.default_rng(0)
    (workflow.folder / "one.mp4").touch()
    for name in [*GOOD, "走る/short.mp4"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        frames = rng.integers(0, 60, (3 if "short" in name else 9, 32, 48, 3), np.uint8)
        write_video(str(workflow.folder / "made.mp4"), frames, 15)
        shutil.move(workflow.folder / "made.mp4", folder / name)
    shutil.copy(folder / GOOD[0], folder / "走る/twin.mp4")
    (folder / "Run/empty.mp4").touch()
    (folder / "Run/text.mp4").write_text("a text that was renamed")
    (folder / "notes.txt").write_text("not a video")
    (folder / "loose.mp4").touch()
    (folder / "Run/out.mp4").symlink_to("/etc/hostname")
    (workflow.folder / "own.yaml").write_text(OVERLAY)
    return workflow


def test_every_odd_name_runs_and_is_accounted_for(own):
    results = own.folder / "results/own"
    targets = ["results/own/split0/subsets.parquet", "results/own/frames/rgb/shard0.arrow"]
    own.run(*targets, "--configfile", "own.yaml")
    clips, rejected = pd.read_parquet(results / "clips.parquet"), pd.read_csv(results / "rejected.csv")
    assert sorted(clips["video_id"]) == sorted(name.removesuffix(".mp4") for name in [*GOOD, "走る/twin.mp4"])
    for name, reason in BAD.items():
        assert rejected.set_index("video_id")["reason"][name.removesuffix(".mp4")].startswith(reason)
    assert len(rejected) == len(BAD)
    store = open_shards([str(results / "frames/rgb/shard0.arrow")])
    assert sorted(store.video_ids) == sorted(clips["video_id"])
    warnings = dict(pd.read_csv(results / "warnings.csv").itertuples(index=False))
    assert (
        warnings["loose.mp4"] == "skipped: not in a class folder"
        and "leaves the folder" in warnings["Run/out.mp4"]
    )
    assert warnings["走る/twin"] == "has the same frames as Run/plain"
    leaks = pd.read_csv(results / "split0/leaks.csv")
    sides = pd.read_parquet(results / "split0/subsets.parquet").set_index("video_id")["subset"]
    assert len(leaks) == (sides["Run/plain"] != sides["走る/twin"])
    assert not list(own.folder.rglob("evil*"))

    assert own.plan(*targets, "--configfile", "own.yaml") == {}
    changed = own.folder / "data/own/Run/{wildcard}.mp4"  # a name that Snakemake cannot watch itself
    shutil.copy(own.folder / "data/own/Run/plain.mp4", changed)
    assert own.plan(*targets, "--configfile", "own.yaml")["inspect_videos"] == 1


@pytest.mark.slow
def test_videos_of_a_camera_whose_clock_is_ahead(own):
    """All are dated 2037: newer than any result, for ever. A modality is computed from another's frames, too."""
    for path in (own.folder / "data/own").rglob("*.mp4"):
        os.utime(path, (2.1e9, 2.1e9), follow_symlinks=False)
    half = "half: {of: dark, transform: gamma, gamma: 2, short_side: 16}"
    (own.folder / "own.yaml").write_text(OVERLAY.replace("dark: {short_side: 32}", f"dark: {{}}, {half}"))
    targets = [f"results/own/frames/{name}/shard0.arrow" for name in ("dark", "half")]
    own.run(*targets, "--configfile", "own.yaml")
    dark, half = (open_shards([str(own.folder / target)]) for target in targets)
    for video in dark.video_ids:
        expected = correct_clip(partial(dark.frames, video), "gamma", 16, gamma=2.0)
        assert (half.video(video) == np.stack(list(expected))).all()
    assert own.plan(*targets, "--configfile", "own.yaml") == {}
    os.utime(own.folder / "data/own/Run/plain.mp4", (2.2e9, 2.2e9))
    assert own.plan(*targets, "--configfile", "own.yaml")["inspect_videos"] == 1


def test_a_replaced_file_is_noticed_however_old_it_is(own):
    target = "results/own/clips.parquet"
    own.run(target, "--configfile", "own.yaml")
    replaced = own.folder / "data/own/Run/plain.mp4"
    shutil.copy(own.folder / "data/own/Run/fall <take>.mp4", replaced)
    os.utime(replaced, (1e9, 1e9))
    assert own.plan(target, "--configfile", "own.yaml")["inspect_videos"] == 1


@pytest.mark.slow
def test_a_changed_label_plans_no_frames(own):
    """Class numbers change, too, when a new class comes before them in the alphabet."""
    videos = [name for name in GOOD if name.isprintable()][:12]
    names, table = ["Run", "Walk"] * 6, own.folder / "own.csv"

    def label(names):
        rows = [{"video": video, "label": name} for video, name in zip(videos, names, strict=True)]
        pd.DataFrame(rows).to_csv(table, index=False)

    label(names)
    (own.folder / "own.yaml").write_text(
        OVERLAY.replace("videos: data/own,", "videos: data/own, list: own.csv,")
    )
    targets = ["results/own/split0/subsets.parquet", "results/own/frames/rgb/shard0.arrow"]
    own.run(*targets, "--configfile", "own.yaml")
    label(["Fall", "Fall", *names[2:]])
    plan = own.plan(*targets, "--configfile", "own.yaml")
    assert plan == {"index_videos": 1, "split_videos": 1}
    own.run(*targets, "--configfile", "own.yaml")
    clips = pd.read_parquet(own.folder / "results/own/clips.parquet").set_index("video_id")["label"]
    assert [clips[name.removesuffix(".mp4")] for name in videos] == [0, 0, *[1, 2] * 5]
