"""Table 4's measurement: every case is measured, knowledge from a file costs the same whatever K."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import torch

from ukdlib.knowledge import cost
from ukdlib.knowledge.cost import Setup, measure_costs, random_batch, write_costs
from ukdlib.learning.augment import Modality
from ukdlib.learning.inference import class_logits, input_clips
from ukdlib.networks import initial_network

CPU = torch.device("cpu")
SETUP = Setup(
    network={"arch": "slowfast", "depth": 18, "width": 8, "alpha": 4, "frames": 4, "fast_stem": [5, 3, 3]},
    recipe={
        "frames": 4, "stride": 1, "crop": 32, "short_side": [32, 40], "flip": True, "batch_size": 4,
        "clip_grad": 40, "precision": "auto", "workers": 0,
    },
    modality=Modality("rgb", mean=0.45, std=0.225, flow=False),
    classes=[f"class{i}" for i in range(5)],
    device="cpu",
    steps=5,
)  # fmt: skip

CASES = [("stored", 0), ("stored", 1), ("stored", 8), ("online", 1), ("online", 8)]


@pytest.fixture(scope="module")
def rows():
    return measure_costs(SETUP, CASES)


def test_every_case_is_measured(rows):
    assert [(row["mode"], row["teachers"]) for row in rows] == CASES
    assert all(row["seconds_per_step"] > 0 and row["peak_memory_mb"] > 10 for row in rows)


def test_teachers_in_memory_cost_and_stored_knowledge_does_not(rows):
    seconds = {(row["mode"], row["teachers"]): row["seconds_per_step"] for row in rows}
    assert seconds["online", 8] > 2 * seconds["stored", 8]


def test_ratios_are_to_the_first_case_with_a_teacher_in_the_same_turn(rows):
    ratios = {(row["mode"], row["teachers"]): row["ratio"] for row in rows}
    assert ratios["stored", 1] == 1 and ratios["online", 8] > 2


def test_stored_targets_are_distributions_and_differ_with_the_teachers():
    _, labels = random_batch(SETUP)
    one, two = (cost.stored_targets(SETUP, k, labels, CPU)(None) for k in (1, 2))
    assert (
        one.shape == (4, 5)
        and torch.allclose(one.sum(1), torch.ones(4), atol=1e-5)
        and not torch.equal(one, two)
    )


def test_online_and_stored_targets_of_the_same_logits_agree(tmp_path, monkeypatch):
    """Both ways lead through the same fusion: only where logits come from differs."""
    batch, _ = random_batch(SETUP)
    labels = torch.arange(4)  # those of the first stored videos
    clips = input_clips(batch, SETUP.recipe["crop"], SETUP.modality, CPU)
    online = cost.online_targets(SETUP, 2, labels, CPU)(clips)
    teachers = [initial_network(SETUP.network, 5, 3, k).eval() for k in (1, 2)]
    with torch.no_grad():
        logits = np.stack([class_logits(t, batch, SETUP.recipe, SETUP.modality).numpy() for t in teachers])
    monkeypatch.setattr(cost, "synthetic_logits", lambda *_: np.tile(logits, (1, cost.VIDEOS // 4, 1)))
    stored = cost.stored_targets(SETUP, 2, labels, CPU)(clips)
    torch.testing.assert_close(online, stored, atol=1e-5, rtol=0)


def test_a_failing_case_is_an_error(capfd):
    with pytest.raises(RuntimeError, match="the process of 0 teachers, stored, failed"):
        measure_costs(
            Setup({"arch": "none"}, SETUP.recipe, SETUP.modality, SETUP.classes, "cpu", 3), CASES[:1]
        )


KILLED = """
import itertools, os, signal
from tests.unit.knowledge.test_cost import CASES, SETUP
from ukdlib.knowledge import cost

cost.take_steps = lambda *_: itertools.repeat(1.0)
with cost._processes(SETUP, CASES) as ask:
    print(ask(0, "step") + ask(len(CASES) - 1, "step"), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_measurement_that_is_killed_leaves_no_process():
    """They would hold its lock on a GPU; run() waits for all who can write to the pipe."""
    ended = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (-9, "2.0\n")


def test_the_costs_are_a_table(tmp_path):
    write_costs(
        f"{tmp_path}/cost.csv", [dict(zip(cost.COLUMNS, ("online", 2, 0.5, 1.5, 700.25), strict=True))]
    )
    with open(tmp_path / "cost.csv") as file:
        assert list(csv.reader(file)) == [list(cost.COLUMNS), ["online", "2", "0.5", "1.5", "700.25"]]
