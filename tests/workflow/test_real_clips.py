"""All real clips of the development set are accounted for; skipped where there are none (UKD_ARID_CLIPS)."""

import shutil

import pandas as pd
import pytest

from tests.unit.videos.test_real_clips import FOLDER
from tests.workflow.conftest import ROOT


@pytest.mark.skipif(not (FOLDER / "eleven").is_dir(), reason="UKD_ARID_CLIPS names no folder of real clips")
def test_174_clips_are_accounted_for(workflow):
    shutil.copytree(ROOT / "tests/workflow", workflow.folder / "tests/workflow")
    (workflow.folder / "data/arid_clips").symlink_to(FOLDER)
    workflow.run(
        "results/arid_clips/split0/subsets.parquet", "--configfile", "tests/workflow/arid_clips.yaml"
    )
    results = workflow.folder / "results/arid_clips"
    clips, rejected = pd.read_parquet(results / "clips.parquet"), pd.read_csv(results / "rejected.csv")
    assert len(clips) == 174 and len(rejected) == 0 and clips["frame_hash"].nunique() == 172
    assert set(zip(clips["width"], clips["height"], strict=True)) == {(320, 240), (476, 240), (426, 240)}
    warnings = dict(pd.read_csv(results / "warnings.csv").itertuples(index=False))
    assert warnings["eleven/Wave_14_10"].startswith("nearly black")
    assert {"train/Run/Run_1_1", "train/Turn/Turn_1_1"} <= set(warnings)  # twins of clips of `eleven`
    assert len(pd.read_csv(results / "split0/leaks.csv")) == 0  # twins are of one group
