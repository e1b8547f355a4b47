"""Clips without labels: teachers predict them, a student learns from it, labelled data stay as they were."""

import pandas as pd
import pytest

from tests.workflow.conftest import TINY
from ukdlib.knowledge.logits import read_logits
from ukdlib.learning.checkpoints import read_metadata

DATA = "results/darkroom"
RUN = f"{DATA}/split0/seed0"
CLASSES = ("Drink", "Jump", "Pick", "Pour", "Push", "Run", "Sit", "Stand", "Turn", "Walk", "Wave")
OVERLAY = """
run: {tables: [night]}
datasets: {darkroom: {unlabelled: data/tiny/night.txt}}
fusions:
  agreed: {method: pkd, teachers: [rgb, flow], tau: 5, h: 0.99, consensus: true}
students:
  night: {network: slowfast, modality: rgb, recipe: train, fusion: agreed, alpha: 0.5, unlabelled: 1}
tables:
  night: {caption: c, baseline: RGB, rows: {RGB: teachers/rgb, night: students/night}}
"""


def listed(workflow, group, classes=CLASSES):
    text = "".join(f"{name}/{name}_{group}_1.mp4\n" for name in classes)
    (workflow.folder / "data/tiny/night.txt").write_text(text)


@pytest.fixture
def arguments(finished):
    listed(finished, 99)
    (finished.folder / "night.yaml").write_text(OVERLAY)
    return "--configfile", TINY, str(finished.folder / "night.yaml")


def test_night_footage_changes_nothing_of_the_labelled_data(finished, arguments):
    jobs = finished.plan(*arguments)
    assert jobs["render_darkroom"] == jobs["inspect_videos"] == jobs["compute_flow"] == 2, "its own shards"
    assert jobs["export_unlabelled"] == 2 and jobs["distill_student"] == 1 and jobs["admit_unlabelled"] == 1
    assert not {"train_teacher", "index_videos", "split_videos"} & set(jobs)


def test_with_weight_0_it_is_not_even_read(finished, arguments):
    overlay = OVERLAY.replace("unlabelled: 1", "unlabelled: 0")
    (finished.folder / "night.yaml").write_text(overlay)
    jobs = finished.plan(*arguments)
    assert jobs["distill_student"] == 1 and not {"admit_unlabelled", "render_darkroom"} & set(jobs)


@pytest.mark.slow
def test_a_student_learns_from_it(finished, arguments):
    finished.run(*arguments)
    finished.run("verify", *arguments)
    rows = read_logits(finished.folder / RUN / "fusions/agreed/logits/unlabelled.parquet")
    assert set(rows.labels) == {-1} and len(rows) == len(CLASSES)
    stated = read_metadata(finished.folder / RUN / "students/night/checkpoint.safetensors")
    assert stated["unlabelled"] == len(CLASSES)
    assert (
        "darkroom/Walk/Walk_99_1" in stated["seen"]["videos"]
        and "darkroom/Walk_25_1" in stated["seen"]["videos"]
    )
    table = pd.read_csv(finished.folder / DATA / "tables/night.csv", index_col="row", dtype=str)
    assert table["clips without labels"].to_dict() == {"RGB": "0", "night": str(len(CLASSES))}
    assert "clips without labels" in (finished.folder / "results/report.html").read_text()


@pytest.mark.slow
def test_a_clip_of_a_test_group_stops_the_run(finished, arguments):
    listed(finished, 1, ["Walk"])
    finished.edit("data/tiny/test.txt", "Walk/Walk_1_1.mp4", "Walk/Walk_1_2.mp4")  # another clip of the group
    done = finished.snakemake("--cores", "2", f"{DATA}/split0/unlabelled.parquet", *arguments)
    assert done.returncode != 0
    log = (finished.folder / "logs/admit_unlabelled/darkroom_split0.log").read_text()
    assert "unlabelled: 'Walk/Walk_1_1' is of the group '1' of" in log and "a test clip" in log


def test_faults_are_found_before_any_job(finished, arguments):
    def refused(old, new):
        (finished.folder / "night.yaml").write_text(OVERLAY.replace(old, new))
        done = finished.snakemake("--dry-run", *arguments)
        assert done.returncode != 0, "a faulty configuration was accepted"
        return done.stdout + done.stderr

    listed(finished, 25, ["Walk"])
    assert "'Walk/Walk_25_1.mp4' is labelled, too, as 'Walk_25_1'" in refused("", "")
    listed(finished, 99)
    words = refused(", consensus: true", "")
    assert (
        "students.night learns from clips without labels" in words
        and "fusions.agreed weights teachers" in words
    )
    assert "datasets.darkroom.unlabelled names no clips" in refused("unlabelled: data/tiny/night.txt", "")
    assert "nowhere.txt" in refused("data/tiny/night.txt", "nowhere.txt")
