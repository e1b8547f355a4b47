"""A training that starts from another one's checkpoint: planned after it, its weights named in checkpoint and table."""

import pandas as pd
import pytest

from tests.workflow.conftest import TINY
from ukdlib.artifacts.sealing import sha256
from ukdlib.learning.checkpoints import read_metadata

RUN = "results/darkroom/split0/seed0"
STARTED = "results/darkroom/tables/started.csv"
OVERLAY = """
run: {tables: [started]}
weights: {own: {note: own flow, file: "results/{dataset}/split{split}/seed{seed}/teachers/flow/checkpoint.safetensors"}}
teachers: {flow_started: {network: slowfast, modality: flow, recipe: train, weights: own}}
tables:
  started: {caption: c, baseline: flow, rows: {flow: teachers/flow, started: teachers/flow_started}}
"""


@pytest.mark.slow
def test_a_teacher_starts_from_another_of_the_same_input(finished, tmp_path):
    overlay = tmp_path / "weights.yaml"
    overlay.write_text(OVERLAY)
    arguments = [STARTED, "--configfile", TINY, str(overlay)]
    assert finished.plan(*arguments) == {"train_teacher": 1, "export_logits": 1, "evaluate": 1, "tabulate": 1}
    finished.run(*arguments)
    source = finished.folder / RUN / "teachers/flow/checkpoint.safetensors"
    stated = read_metadata(finished.folder / RUN / "teachers/flow_started/checkpoint.safetensors")["start"]
    assert stated["sha256"] == sha256(source) and stated["lacking"] == stated["converted"] == []
    assert list(pd.read_csv(finished.folder / STARTED)["pretraining"]) == ["none", "own flow"]
    overlay.write_text(
        OVERLAY.replace("weights: own}", "weights: own, }").replace("{note: own", "{stem: first, note: own")
    )
    assert finished.plan(*arguments)["train_teacher"] == 1


def test_a_missing_checkpoint_is_trained_first(workflow, tmp_path):
    overlay = tmp_path / "weights.yaml"
    overlay.write_text(OVERLAY)
    jobs = workflow.plan(f"{RUN}/teachers/flow_started/history.csv", "--configfile", TINY, str(overlay))
    assert jobs["train_teacher"] == 2


def test_fetched_weights_are_planned_once(workflow, tmp_path):
    overlay = tmp_path / "weights.yaml"
    overlay.write_text(
        'weights: {k400: {note: Kinetics-400, url: "https://example.org/w-0123abcd.pth", naming: mmaction2}}\n'
        "teachers: {rgb: {weights: k400}, flow: {weights: k400}}\n"
    )
    targets = [f"{RUN}/teachers/{name}/history.csv" for name in ("rgb", "flow")]
    jobs = workflow.plan(*targets, "--configfile", TINY, str(overlay))
    assert jobs["fetch_weights"] == 1 and jobs["train_teacher"] == 2
