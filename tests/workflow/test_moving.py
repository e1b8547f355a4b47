"""`moving` has no files: a teacher and a student of it read its source's frames, in training, export and verify."""

import pandas as pd
import pytest

from tests.workflow.conftest import TINY
from ukdlib.learning.checkpoints import read_metadata

DATA = "results/darkroom"
RUN = f"{DATA}/split0/seed0"
OVERLAY = """
run: {tables: [moving]}
tables:
  moving: {caption: c, baseline: RGB, rows: {RGB: teachers/rgb, moving: teachers/moving, UKD: students/moving_ukd3}}
"""


@pytest.fixture
def arguments(tmp_path):
    (tmp_path / "moving.yaml").write_text(OVERLAY)
    return "--configfile", TINY, str(tmp_path / "moving.yaml")


def test_a_teacher_of_what_changes_plans_no_frames(finished, arguments):
    jobs = finished.plan(*arguments)
    assert jobs["train_teacher"] == jobs["distill_student"] == jobs["fuse_logits"] == 1
    assert not {"decode_videos", "correct_frames", "compute_flow", "measure_frames"} & set(jobs)


@pytest.mark.slow
def test_a_teacher_and_a_student_of_what_changes_go_all_the_way(finished, arguments):
    finished.run(*arguments)
    finished.run("verify", *arguments)
    assert list(pd.read_csv(finished.folder / DATA / "tables/moving.csv")["row"]) == ["RGB", "moving", "UKD"]
    stated = read_metadata(finished.folder / RUN / "teachers/moving/checkpoint.safetensors")
    assert (
        stated["modality"]["moving"]
        and stated["in_channels"] == 3
        and '"transform": "moving"' in stated["frames"]
    )
    assert sorted(path.name for path in (finished.folder / DATA / "frames").iterdir()) == [
        "dark",
        "flow",
        "rgb",
    ]
