"""Before a training a clip goes through its network: a misfit is reported, a network that fits is not changed."""

import pytest
import torch
from torch import nn

from tests.unit.networks.test_families import FAMILIES, FRAMES, SMALL, settings
from ukdlib.learning.trial import check_network
from ukdlib.networks import initial_network


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_that_fits_is_not_changed(family):
    network = initial_network(settings(family), 3, 2, seed=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    crop = SMALL[family].get("crop", 32)
    check_network(network, 2, {"frames": FRAMES, "crop": crop}, 3, "teachers.flow")
    assert torch.equal(torch.rand(1), expected) and network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


class Fixed(nn.Module):
    """Returns the same for any clip."""

    def __init__(self, answer):
        super().__init__()
        self.weight, self.answer = nn.Parameter(torch.zeros(1)), answer

    def forward(self, clip):
        return self.answer


@pytest.mark.parametrize(
    "network, shape, message",
    [
        (
            initial_network(settings("slowfast"), 3, 3, 0),
            (3, 4, 32, 32),
            r"teachers\.a: .* clip of 3x4x32x32 .*built for 8 frames",
        ),
        (initial_network(settings("slowfast"), 3, 3, 0), (2, 8, 32, 32), r"clip of 2x8x32x32 .*channels"),
        (initial_network(settings("mvit"), 3, 3, 0), (3, 8, 64, 64), "cannot take a clip of 3x8x64x64"),
        (initial_network(settings("csn"), 5, 3, 0), (3, 8, 32, 32), r"returns \(1, 5\), not \(1, 3\) logits"),
        (Fixed((torch.zeros(1, 3),)), (3, 8, 32, 32), r"returns tuple, not \(1, 3\)"),
        (Fixed(torch.full((1, 3), torch.nan)), (3, 8, 32, 32), "not finite"),
    ],
)
def test_what_does_not_fit_is_reported(network, shape, message):
    with pytest.raises(ValueError, match=message):
        check_network(network, shape[0], {"frames": shape[1], "crop": shape[2]}, 3, "teachers.a")
