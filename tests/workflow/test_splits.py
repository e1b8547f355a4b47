"""Persons who act several classes, in folders: they are kept apart, or there is a warning that they are not."""

import numpy as np
import pandas as pd
import pytest

from ukdlib.videos.inspection import write_video

OVERLAY = """
run: {{dataset: own}}
datasets:
  own:
    videos: data/own
    group: '{group}'
    splits: [{{test_share: 0.4}}, {{test_share: 0.4}}]
    crossfit: 2
    shards: 1
"""


@pytest.fixture
def own(workflow):
    rng = np.random.default_rng(0)
    for name in ("Falling", "Walking"):
        (workflow.folder / "data/own" / name).mkdir(parents=True)
        for person in ("anna", "ben", "carl", "dora", "emil"):
            frames = rng.integers(0, 60, (9, 32, 48, 3), np.uint8)
            write_video(str(workflow.folder / f"data/own/{name}/{person}_1.mp4"), frames, 15)
    return workflow


def sides(workflow, split: int) -> pd.Series:
    """Video -> subset."""
    path = workflow.folder / f"results/own/split{split}/subsets.parquet"
    return pd.read_parquet(path).set_index("video_id")["subset"]


@pytest.mark.slow
def test_persons_are_kept_apart_in_each_split_and_a_group_of_one_class_is_warned_about(own):
    (own.folder / "own.yaml").write_text(OVERLAY.format(group=r"([^/]+)_\d+$"))
    splits = [f"results/own/split{split}/{name}.parquet" for split in (0, 1) for name in ("subsets", "folds")]
    own.run(*splits, "results/own/warnings.csv", "--configfile", "own.yaml")
    first, second = sides(own, 0), sides(own, 1)
    for split in (first, second):
        assert (split == "test").sum() == 4
        for person in ("anna", "ben", "carl", "dora", "emil"):
            assert split[f"Falling/{person}_1"] == split[f"Walking/{person}_1"]
    assert not first.equals(second)
    assert "group" not in set(pd.read_csv(own.folder / "results/own/warnings.csv")["what"])

    (own.folder / "own.yaml").write_text(OVERLAY.format(group=r"^(.+)_\d+$"))
    own.run("results/own/warnings.csv", "--configfile", "own.yaml")
    warnings = dict(pd.read_csv(own.folder / "results/own/warnings.csv").itertuples(index=False))
    assert "'Falling/anna' and 'Walking/anna' count as two" in warnings["group"]
