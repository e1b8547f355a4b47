"""Hugging Face's video transformers: each trains here, gives its library's own outputs, takes flow."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.unit.networks.test_families import CLASSES, CPU, FRAMES, RECIPE, RGB, store
from ukdlib.learning.training import Lesson, Run, fit
from ukdlib.networks import initial_network
from ukdlib.networks.huggingface import MODELS
from ukdlib.pretrained.start import start_from

OPTIONS = {"arch": "huggingface", "frames": FRAMES, "crop": 32, "depth": 4, "width": 32}


def small(model, channels=3, seed=0):
    return initial_network({**OPTIONS, "model": model}, CLASSES, channels, seed)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_model_trains_the_same_with_and_without_saved_memory(model, tmp_path):
    lesson = Lesson(store(), [f"v{i}" for i in range(4)], np.arange(4) % CLASSES, RGB)
    networks = []
    for saved in (False, True):
        network = small(model)
        before = {name: weight.clone() for name, weight in network.named_parameters()}
        fit(network, lesson, {**RECIPE, "save_memory": saved}, Run(0, CPU, f"{tmp_path}/{saved}"))
        changed = [n for n, weight in network.named_parameters() if not torch.equal(weight, before[n])]
        assert len(changed) > 0.9 * len(before)  # TimeSformer's time attention starts at 0
        networks.append(network)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_outputs_are_the_librarys_own_and_flow_is_taken(model):
    network, clip = small(model).eval(), torch.rand(2, 3, FRAMES, 32, 32)
    with torch.no_grad():
        theirs = network.network(clip.permute(0, 2, 1, 3, 4)).logits
        assert torch.equal(network(clip), theirs)
        assert small(model, channels=2)(torch.rand(2, 2, FRAMES, 32, 32)).shape == (2, CLASSES)


def test_weights_of_the_librarys_own_file_start_a_network(tmp_path):
    theirs = small("videomae", seed=1).network
    theirs.save_pretrained(tmp_path)
    network = small("videomae")
    settings = {"naming": "huggingface", "stem": "mean", "note": "own"}
    account, _ = start_from(network, tmp_path / "model.safetensors", settings, ["a", "b", "c"])
    assert account["lacking"] == [] and account["left_over"] == 0
    for one, other in zip(network.network.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "model, frames, millions", [("videomae", 16, 87), ("timesformer", 8, 121.4), ("vivit", 32, 88.9)]
)
def test_the_base_models_have_the_size_that_their_papers_give(model, frames, millions):
    """Within 1 %, as they are printed rounded and for other numbers of classes; V-JEPA 2 is published from Large on."""
    with torch.device("meta"):
        network = initial_network(
            {"arch": "huggingface", "model": model, "frames": frames, "crop": 224}, 400, 3, 0
        )
    count = sum(weight.numel() for weight in network.parameters())
    assert abs(count / 1e6 - millions) < 0.01 * millions


def test_other_networks_do_not_import_the_library():
    code = (
        "import sys; from ukdlib.networks import initial_network;"
        "initial_network({'arch': 'x3d', 'frames': 4, 'variant': 'xs'}, 3, 3, 0);"
        "assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'ukd\[huggingface\]'"):
        small("vivit")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model": "vit"}, r"unknown model 'vit'; known: \['timesformer'"),
        ({"crop": 40}, "needs a crop that is a multiple of 16, not 40"),
        ({"frames": 7}, "needs a number of frames that is a multiple of 2, not 7"),
        ({"width": 100}, "width 100 is not a multiple of 64"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        initial_network({**OPTIONS, "model": "videomae", **change}, CLASSES, 3, 0)
