"""`snakemake package`: a folder that gives the pipeline's own results on the test videos, and says what it is."""

import json

import numpy as np
import pytest

from tests.workflow.conftest import TINY
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.deploy import load
from ukdlib.deploy.command import main
from ukdlib.deploy.engines import Choice
from ukdlib.deploy.prediction import film_of
from ukdlib.knowledge.logits import read_logits
from ukdlib.videos.records import read_columns

RUN = "results/darkroom/split0/seed0"
MODELS = {"student": "students/rgb_ukd", "motion": "teachers/flow"}
OVERLAY = f"package: {{models: {json.dumps(MODELS)}}}\n"


@pytest.fixture
def arguments(tmp_path):
    (tmp_path / "package.yaml").write_text(OVERLAY)
    return "--configfile", TINY, str(tmp_path / "package.yaml")


def wanted(*models):
    return [
        f"results/darkroom/models/{model}/{file}" for model in models for file in ("onnx.json", "README.md")
    ]


def test_a_package_trains_nothing_that_is_trained_and_calibrates_if_it_can(finished, arguments):
    jobs = finished.plan(*wanted("student", "motion"), *arguments)
    assert jobs == {"package_model": 2, "export_onnx": 2, "evaluate": jobs.get("evaluate", 0)} or jobs == {
        "package_model": 2,
        "export_onnx": 2,
    }
    held_out = "datasets: {darkroom: {validation: 0.5}}\n"
    (finished.folder / "val.yaml").write_text(OVERLAY + held_out)
    jobs = finished.plan(*wanted("student"), "--configfile", TINY, str(finished.folder / "val.yaml"))
    assert jobs["calibrate"] == 1 and jobs["export_logits"] >= 2


def test_without_validation_clips_nothing_can_be_calibrated(finished, arguments):
    done = finished.snakemake("--dry-run", f"{RUN}/students/rgb_ukd/calibration.json", *arguments)
    assert done.returncode != 0 and "no validation clips" in done.stdout + done.stderr


@pytest.mark.parametrize("row", ["fusions/two_stream", "teachers/none"])
def test_only_networks_are_packaged(workflow, row):
    said = workflow.refusal(f"package: {{models: {{a: {row}}}}}")
    assert "package.models.a" in said


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_predictions_on_the_test_videos_are_those_of_the_pipeline(
    finished, arguments, model, tmp_path, monkeypatch
):
    finished.run(*wanted(model), *arguments)
    folder = finished.folder / f"results/darkroom/models/{model}"
    monkeypatch.chdir(finished.folder)
    clips = {
        row["video_id"]: row["path"] for row in read_columns("results/darkroom/clips.parquet").to_pylist()
    }
    rows = read_logits(f"{RUN}/{MODELS[model]}/logits/test.parquet")
    paths = [clips[video_id] for video_id in dict.fromkeys(rows.video_ids)]
    for engine in ("torch", "onnx"):
        loaded = load(folder, engine, Choice("cpu"))
        for video_id in dict.fromkeys(rows.video_ids):
            film = film_of(loaded, clips[video_id])
            found = loaded.test_logits(list(loaded.frames(lambda film=film: film)))
            expected = rows.logits[rows.video_ids == video_id]
            assert np.abs(found - expected).max() <= 1e-3 * rows.logits.std()
        out = tmp_path / f"{engine}.jsonl"
        assert (
            main(["predict", str(folder), *paths, "--engine", engine, "--device", "cpu", "--out", str(out)])
            == 0
        )
        answers = [json.loads(line) for line in out.read_text().splitlines()]
        truth = [
            loaded.classes[rows.labels[rows.video_ids == video_id][0]]
            for video_id in dict.fromkeys(rows.video_ids)
        ]
        right = np.mean([answer["label"] == label for answer, label in zip(answers, truth, strict=True)])
        assert right == read_json(f"{RUN}/{MODELS[model]}/metrics/test.json")["top1"]
    assert "not calibrated" in (folder / "README.md").read_text()


def test_classes_left_out_are_measured_and_not_packaged(workflow):
    """Every network of the tables has its confidence on what it was never taught in a table of the report."""
    overlay = "datasets: {darkroom: {unknown: [Wave, Turn]}}\n"
    (workflow.folder / "open.yaml").write_text(overlay)
    jobs = workflow.plan("--configfile", TINY, str(workflow.folder / "open.yaml"))
    assert (
        jobs["evaluate_unknown"] == 5 and jobs["tabulate_unknown"] == 1 and "tabulate_calibration" not in jobs
    )
    assert "not one of its classes" in workflow.refusal(overlay.replace("Wave", "Waves"))
    assert "leaves Wave, Turn out of every training" in workflow.refusal(overlay, "--", "package")


@pytest.mark.slow
def test_what_was_left_out_is_in_no_training(finished):
    (finished.folder / "open.yaml").write_text("datasets: {darkroom: {unknown: [Wave, Turn]}}\n")
    finished.run(
        "results/darkroom/tables/unknown.html", "--configfile", TINY, str(finished.folder / "open.yaml")
    )
    rows = read_columns(finished.folder / "results/darkroom/split0/subsets.parquet").to_pylist()
    subsets = {(row["subset"], row["video_id"].split("_")[0] in ("Wave", "Turn")) for row in rows}
    assert subsets == {("train", False), ("test", False), ("unknown", True), ("left_out", True)}
    found = read_json(finished.folder / RUN / "students/rgb_ukd/unknown.json")
    assert found["unknown"] == sum(row["subset"] == "unknown" for row in rows) and 0 <= found["auroc"] <= 1
