"""The graph is the same function as the network, for any batch and size; what cannot be exported is named."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tests.unit.deploy.conftest import make_model
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.deploy import exporting
from ukdlib.deploy.description import read_description
from ukdlib.deploy.engines import AS_THEY_ARE
from ukdlib.deploy.graph import Recogniser, recogniser
from ukdlib.frames.gamma import correct_gamma
from ukdlib.learning.augment import Modality, augment
from ukdlib.learning.views import test_views as fixed_views

RECIPE = {"crop": 16, "test_short_side": 18, "test_crops": 3}


@pytest.fixture(scope="module")
def session(packaged):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(packaged / "model.onnx"), options)


@pytest.mark.parametrize("size", [(1, 24, 32), (2, 40, 24), (7, 17, 90)], ids=str)
def test_any_batch_and_any_size(packaged, session, size):
    windows = np.random.default_rng(2).integers(0, 256, (size[0], 4, *size[1:], 3), np.uint8)
    network = recogniser(packaged / "model.safetensors", read_description(packaged))
    with torch.inference_mode():
        expected = network(torch.from_numpy(windows), torch.from_numpy(AS_THEY_ARE))
    found = session.run(None, {"frames": windows, "levels": AS_THEY_ARE})
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other.numpy()).max() < 1e-5
    assert found[1].sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_dark_8_bit_video_is_corrected_inside_unless_levels_are_given(session):
    dark = np.random.default_rng(3).integers(0, 40, (2, 4, 24, 32, 3), np.uint8)
    inside = session.run(["probabilities"], {"frames": dark})[0]
    outside = session.run(["probabilities"], {"frames": correct_gamma(dark, 2.5), "levels": AS_THEY_ARE})[0]
    assert inside == pytest.approx(outside, abs=1e-6)
    assert not np.allclose(
        inside, session.run(["probabilities"], {"frames": dark, "levels": AS_THEY_ARE})[0], atol=1e-3
    )


def test_what_was_compared_is_kept(packaged):
    facts = read_json(packaged / "onnx.json")
    assert facts["compared"] == 3 and 0 <= facts["difference"] <= exporting.ALLOWED
    assert facts["model"] == read_description(packaged).function


@pytest.mark.parametrize("modality", ["rgb", "moving", "flow"])
@pytest.mark.parametrize("size", [(24, 40), (40, 24), (24, 24)], ids=str)
def test_what_the_network_sees_is_what_it_saw_in_training(modality, size):
    """The crops of the graph are those of ukdlib.learning.augment."""
    channels = 2 if modality == "flow" else 3
    seen = Modality(modality, [0.4] * channels, [0.2] * channels, modality == "flow", modality == "moving")
    frames = torch.randint(0, 256, (1, 5, *size, channels), dtype=torch.uint8)
    shown = []
    network = Recogniser(Kept(shown), seen, RECIPE, 1.0)
    network(frames, torch.from_numpy(AS_THEY_ARE))
    views = fixed_views(1, 3, 16, 18, landscape=size[1] >= size[0])
    for number, clips in enumerate(shown):
        expected = augment(frames, torch.tensor([size]), views.take([number]), 16, seen)
        assert torch.allclose(clips, expected, atol=2e-4)


class Kept(nn.Module):
    def __init__(self, shown):
        super().__init__()
        self.shown = shown

    def forward(self, clips):
        self.shown.append(clips)
        return clips.mean(dim=(2, 3, 4))


class Unusual(nn.Module):
    """With an operator that ONNX does not have."""

    def forward(self, clips):
        return torch.special.airy_ai(clips).mean(dim=(2, 3, 4))


def test_a_network_that_cannot_be_exported_is_named_by_its_operator(tmp_path, monkeypatch):
    folder = make_model(tmp_path / "odd")
    description = read_description(folder)
    odd = Recogniser(Unusual(), Modality("rgb", 0.45, 0.225, False), RECIPE, 1.0)
    monkeypatch.setattr(exporting, "recogniser", lambda *_: odd)
    windows = np.zeros((1, 4, 24, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="airy_ai"):
        exporting.export(folder, description, windows)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.json", "model.safetensors"]


def test_a_graph_that_is_another_function_is_refused(packaged):
    network = recogniser(packaged / "model.safetensors", read_description(packaged))
    with torch.no_grad():
        list(network.parameters())[-1][0] += 0.5  # a bias of the last layer
    windows = np.random.default_rng(0).integers(0, 256, (1, 4, 24, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="a probability differs by"):
        exporting.compare(network, packaged / "model.onnx", windows, read_description(packaged))
