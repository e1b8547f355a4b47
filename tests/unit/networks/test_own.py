"""A user's own network by module:function, and the errors if it does not fit."""

import pytest
import torch

from ukdlib.learning.checkpoints import load_network, save_checkpoint
from ukdlib.networks import build_network, initial_network

MODULE = """
import torch
from torch import nn

def small(num_classes, in_channels, *, frames, width=4):
    return nn.Sequential(nn.Conv3d(in_channels, width, 3), nn.BatchNorm3d(width), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
                         nn.Linear(width, num_classes))

def fixed(num_classes, in_channels, *, frames, crop):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * frames * crop * crop, num_classes))

def no_meta(num_classes, in_channels, *, frames):
    class Picky(nn.Module):
        def forward(self, clip):
            assert clip.sum().item() == 0
            return clip.new_zeros(len(clip), num_classes)
    return Picky()

def features(num_classes, in_channels, *, frames):
    return nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())

def several(num_classes, in_channels, *, frames):
    class Several(nn.Module):
        def forward(self, clip):
            return clip, clip
    return Several()

def number(num_classes, in_channels, *, frames):
    return 3

constant = 7
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A working directory with the user's module, under another name in each test."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return name


def test_a_function_of_the_working_directory_makes_the_network(module):
    network = initial_network({"arch": f"{module}:small", "frames": 4, "width": 8}, 5, 2, seed=0)
    assert network[0].out_channels == 8 and network.training
    assert network[1].num_batches_tracked == 0  # the trial left no trace
    assert network(torch.rand(2, 2, 4, 32, 32)).shape == (2, 5)


def test_a_network_of_one_size_has_it_as_option_crop(module):
    network = build_network(f"{module}:fixed", 5, 3, frames=2, crop=16)
    assert network(torch.rand(1, 3, 2, 16, 16)).shape == (1, 5)


def test_a_network_that_cannot_run_without_data_is_tried_on_zeros(module):
    assert build_network(f"{module}:no_meta", 5, 3, frames=2) is not None


def test_it_comes_back_from_its_checkpoint(module, tmp_path):
    settings = {"arch": f"{module}:small", "frames": 4}
    network = initial_network(settings, 2, 3, seed=0).eval()
    stated = {"network": settings, "in_channels": 3, "classes": ["a", "b"]}
    save_checkpoint(tmp_path / "a.safetensors", network, stated)
    clip = torch.rand(2, 3, 4, 8, 8)
    assert torch.equal(load_network(tmp_path / "a.safetensors", **stated)[0](clip), network(clip))


def test_a_module_that_needs_a_missing_package_says_which(tmp_path):
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    with pytest.raises(ValueError, match="needy needs a package: No module named 'no_such_package'"):
        build_network("needy:net", 5, 3, frames=4)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("smal", {"frames": 4}, r"has no function 'smal'; it has \['features', 'fixed', 'no_meta'"),
        ("constant", {"frames": 4}, "has no function 'constant'"),
        ("small", {}, "lacks option frames"),
        ("number", {"frames": 4}, r"returned int, not a torch.nn.Module"),
        ("features", {"frames": 4}, r"returns \(1, 3\) for a clip \(1, 3, 4, 224, 224\); .* logits \(1, 5\)"),
        ("several", {"frames": 4}, "returns no tensor for a clip"),
        ("small", {"frames": 1}, "fails on a clip .*if it takes only one size, set it as option crop"),
        ("small", {"frames": 4, "widht": 8}, "does not take these options: .*'widht'"),
    ],
)
def test_refusals(module, function, options, message):
    with pytest.raises(ValueError, match=message):
        build_network(f"{module}:{function}", 5, 3, **options)


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("no_such_module:net", "no module 'no_such_module' in .* or among the installed packages"),
        ("no_such.module:net", "no module 'no_such.module' in"),
        ("a b:net", "is not of the form module:function"),
        ("module:", "is not of the form module:function"),
    ],
)
def test_unknown_modules_and_functions_are_refused(arch, message):
    with pytest.raises(ValueError, match=message):
        build_network(arch, 5, 3, frames=4)
