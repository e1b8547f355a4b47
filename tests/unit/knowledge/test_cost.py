"""Table 4's measurement: every case is measured, knowledge from a file costs the same whatever K."""

import csv

import numpy as np
import pytest
import torch

from ukdlib.knowledge import cost
from ukdlib.knowledge.cost import Case, measure_costs, random_batch, write_costs
from ukdlib.learning.augment import Modality
from ukdlib.networks import initial_network

CASE = Case(
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


@pytest.fixture(scope="module")
def rows():
    return measure_costs(CASE, [0, 1, 8])


def test_every_case_is_measured_and_none_is_only_stored(rows):
    assert [(row["mode"], row["teachers"]) for row in rows] == [
        ("stored", 0), ("stored", 1), ("stored", 8), ("online", 1), ("online", 8)
    ]  # fmt: skip
    assert all(row["seconds_per_step"] > 0 and row["peak_memory_mb"] > 10 for row in rows)


def test_teachers_in_memory_cost_and_stored_knowledge_does_not(rows):
    seconds = {(row["mode"], row["teachers"]): row["seconds_per_step"] for row in rows}
    assert seconds["online", 8] > 2 * seconds["stored", 8]


def test_stored_targets_are_distributions_and_differ_with_the_teachers():
    batch, labels = random_batch(CASE)
    one, two = (next(cost.stored_targets(CASE, k, batch, labels, torch.device("cpu"))) for k in (1, 2))
    assert (
        one.shape == (4, 5)
        and torch.allclose(one.sum(1), torch.ones(4), atol=1e-5)
        and not torch.equal(one, two)
    )


def test_online_and_stored_targets_of_the_same_logits_agree(tmp_path, monkeypatch):
    """Both ways lead through the same fusion: only where logits come from differs."""
    batch, _ = random_batch(CASE)
    labels = torch.arange(4)  # those of the first stored videos
    online = next(cost.online_targets(CASE, 2, batch, labels, torch.device("cpu")))
    teachers = [initial_network(CASE.network, 5, 3, k).eval() for k in (1, 2)]
    with torch.no_grad():
        logits = np.stack([cost.class_logits(t, batch, CASE.recipe, CASE.modality).numpy() for t in teachers])
    monkeypatch.setattr(cost, "synthetic_logits", lambda *_: np.tile(logits, (1, cost.VIDEOS // 4, 1)))
    stored = next(cost.stored_targets(CASE, 2, batch, labels, torch.device("cpu")))
    torch.testing.assert_close(online, stored, atol=1e-5, rtol=0)


def test_a_failing_case_is_an_error(capfd):
    with pytest.raises(RuntimeError, match="the process of 0 teachers, stored, failed"):
        measure_costs(Case({"arch": "none"}, CASE.recipe, CASE.modality, CASE.classes, "cpu", 3), [0])


def test_the_costs_are_a_table(tmp_path):
    write_costs(f"{tmp_path}/cost.csv", [dict(zip(cost.COLUMNS, ("online", 2, 0.5, 700.25), strict=True))])
    with open(tmp_path / "cost.csv") as file:
        assert list(csv.reader(file)) == [list(cost.COLUMNS), ["online", "2", "0.5", "700.25"]]
