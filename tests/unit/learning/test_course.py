"""A course leaves a checkpoint that says what it is of, a history, and no state; a start is recorded and taken."""

import csv

import pytest
import torch
from torch import nn

from tests.unit.learning.test_training import IDS, LESSON, RECIPE
from ukdlib.artifacts.provenance import videos_hash
from ukdlib.learning.checkpoints import load_network, read_metadata
from ukdlib.learning.course import Course, complete
from ukdlib.learning.seen import Seen
from ukdlib.learning.training import Run

CLASSES = ["Run", "Sit", "Walk"]
NETWORK = {"arch": "tests.unit.learning.test_course:family", "frames": 2}
SHOWN = Seen({f"toy/{video_id}": f"hash of {video_id}" for video_id in IDS}, ["logits of a"])
EXPECTED = {"network": NETWORK, "in_channels": 3, "classes": CLASSES, "frames": "dark", "seed": 7}


def family(num_classes, in_channels, frames):
    """A user's own network: two layers."""
    return nn.Sequential(
        nn.Conv3d(in_channels, 4, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, num_classes)
    )


def trained(folder, start=lambda network, **others: (None, Seen()), epochs=2, held_out=None):
    course = Course(
        "teachers.rgb", NETWORK, {**RECIPE, "epochs": epochs}, CLASSES, "dark", start, SHOWN, held_out or {}
    )
    run = Run(7, torch.device("cpu"), str(folder / "resume.pt"), "key")
    output = {name: str(folder / name) for name in ("checkpoint", "history")}
    complete(course, LESSON, run, {"workers": 0, "cache": "none"}, output)
    return output


def test_a_checkpoint_says_what_it_is_of(tmp_path):
    output = trained(tmp_path)
    network, stated = load_network(output["checkpoint"], **EXPECTED)
    assert isinstance(network, nn.Sequential) and stated == read_metadata(output["checkpoint"])
    assert stated["network"] == NETWORK and stated["seed"] == 7 and stated["in_channels"] == 3
    assert stated["trained_on"] == videos_hash(IDS) and stated["start"] is None
    with open(output["history"]) as file:
        assert len(list(csv.DictReader(file))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "history"]


def test_a_wrong_cudnn_is_refused_before_anything_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    course = Course("teachers.rgb", {}, {"precision": "auto"}, CLASSES, "dark", None, SHOWN, {})
    with pytest.raises(RuntimeError, match="computes 3D convolutions wrongly in bf16"):
        complete(course, LESSON, Run(7, torch.device("cuda"), str(tmp_path / "resume.pt")), {}, {})


def test_a_start_is_taken_and_recorded(tmp_path):
    def start(network, **others):
        with torch.no_grad():
            for weight in network.parameters():
                weight.zero_()
        return {"note": "zeros"}, Seen({"arid/old": "0a"}, ["Kinetics"])

    for name in ("zeros", "random"):
        (tmp_path / name).mkdir()
    zeros = load_network(trained(tmp_path / "zeros", start, epochs=1)["checkpoint"], **EXPECTED)
    drawn = load_network(trained(tmp_path / "random", epochs=1)["checkpoint"], **EXPECTED)
    assert zeros[1]["start"] == {"note": "zeros"}
    assert zeros[1]["seen"] == {
        "videos": {"arid/old": "0a", **SHOWN.videos},
        "unknown": ["Kinetics", "logits of a"],
    }
    assert drawn[1]["seen"] == SHOWN.as_json()
    assert zeros[0][0].weight.abs().max() < 0.1 < drawn[0][0].weight.abs().max()


@pytest.mark.parametrize("held_out", [{"arid/old": "other"}, {"arid/renamed": "0a"}], ids=["name", "content"])
def test_a_start_that_has_seen_what_is_held_out_is_refused_before_the_training(tmp_path, held_out):
    def start(network, **others):
        return {"note": "copied"}, Seen({"arid/old": "0a", "arid/older": "0b"})

    with pytest.raises(ValueError, match=rf"teachers\.rgb: leak: 1 of 2 .* {next(iter(held_out))}"):
        trained(tmp_path, start, held_out={**held_out, "arid/new": "0c"})
    assert list(tmp_path.iterdir()) == []
