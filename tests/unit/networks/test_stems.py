"""Stems converted from RGB to other channels: laws of the rules, for every family."""

import pytest
import torch
from torch import nn

from tests.unit.networks.test_families import FAMILIES, settings
from ukdlib.networks import initial_network
from ukdlib.networks.stems import convert_stem, find_stems

SCALES = {"mean": 2 / 3, "rescaled": 1.0}  # response to a grey clip, over that of the RGB network
NETWORKS = [settings(family) for family in FAMILIES] + [
    {"arch": "torchvision", "frames": 8, "crop": 32, "model": "mvit_v2_s"},
    {"arch": "torchvision", "frames": 8, "crop": 32, "model": "swin3d_t"},
]


def name_of(options):
    return options.get("model", options["arch"])


def responses(network, clip):
    """The response of each stem without its bias, in the order of the stems."""
    answers = []
    for name in find_stems(network, clip.shape[1]):
        stem = network.get_submodule(name)
        bias = 0 if stem.bias is None else stem.bias.reshape(1, -1, 1, 1, 1)
        answers.append(stem(clip) - bias)
    return answers


@pytest.mark.parametrize("options", NETWORKS, ids=name_of)
def test_a_grey_clip_gives_two_thirds_of_the_response_or_all_of_it(options):
    network = initial_network(options, 3, 3, seed=0)
    grey = torch.rand(1, 1, 8, 32, 32)
    with torch.no_grad():
        expected = responses(network, grey.expand(-1, 3, -1, -1, -1))
        for rule, scale in SCALES.items():
            converted = convert_stem(initial_network(options, 3, 3, seed=0), 2, rule)
            answers = responses(converted, grey.expand(-1, 2, -1, -1, -1))
            for answer, other in zip(answers, expected, strict=True):
                torch.testing.assert_close(answer, scale * other, rtol=1e-4, atol=1e-5)
        assert converted.eval()(torch.rand(1, 2, 8, 32, 32)).shape == (1, 3)


def test_slowfast_has_two_stems_even_if_three_channels_occur_inside():
    options = {"arch": "slowfast", "frames": 8, "depth": 18, "width": 24, "alpha": 4, "beta": 8}
    assert len(find_stems(initial_network(options, 3, 3, seed=0))) == 2


def test_only_the_stem_changes():
    before, after = (initial_network(settings("tpn"), 3, 3, seed=0) for _ in range(2))
    convert_stem(after, 2, "mean")
    old, new = before.state_dict(), after.state_dict()
    assert [name for name in old if old[name].shape != new[name].shape] == ["lower.stem.conv.weight"]
    assert all(torch.equal(old[name], new[name]) for name in old if old[name].shape == new[name].shape)


def test_first_takes_the_first_channels_as_they_are():
    network = nn.Sequential(nn.Conv3d(3, 4, 3, bias=False))
    weight = network[0].weight.detach().clone()
    convert_stem(network, 2, "first")
    assert torch.equal(network[0].weight, weight[:, :2])


def test_a_state_dict_of_a_converted_network_fits_one_built_for_flow():
    converted = convert_stem(initial_network(settings("nl_i3d"), 3, 3, seed=0), 2, "mean")
    initial_network(settings("nl_i3d"), 3, 2, seed=1).load_state_dict(converted.state_dict())


def test_stems_that_cannot_be_detected_can_be_named():
    network = nn.Sequential(nn.Conv3d(3, 3, 1), nn.Conv3d(3, 4, 1))
    with pytest.raises(
        ValueError, match=r"several convolutions take 3 channels: \['0', '1'\]; name the stems"
    ):
        convert_stem(network, 2, "mean")
    assert convert_stem(network, 2, "mean", stems=["0"])(torch.rand(1, 2, 1, 2, 2)).shape[1] == 4


@pytest.mark.parametrize(
    ("network", "rule", "message"),
    [
        (nn.Conv3d(3, 4, 1), "median", r"unknown rule 'median'; known: \['first', 'mean', 'rescaled'\]"),
        (nn.Sequential(nn.Conv3d(4, 4, 1)), "mean", "no convolution of the network takes 3 channels"),
        (nn.Sequential(nn.Conv3d(3, 3, 1, groups=3)), "mean", "is a grouped convolution"),
    ],
)
def test_refusals(network, rule, message):
    with pytest.raises(ValueError, match=message):
        convert_stem(network, 2, rule)
