"""
Nothing in a training step waits for the device: no value is read from it, and only what belongs to the batch is sent.

Torch's device "meta", whose tensors have no values, stands for the GPU: what reads one fails. tests/gpu has a real one.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.unit.learning.test_training import LESSON, RECIPE, knowledge
from ukdlib.learning import inference
from ukdlib.learning.augment import Modality
from ukdlib.learning.batches import Batch
from ukdlib.learning.optimization import Learner
from ukdlib.learning.training import Answers, Epoch, learn
from ukdlib.learning.views import random_views
from ukdlib.networks import build_network

META = torch.device("meta")
OF_A_BATCH = 3  # frames, numbers of the crops, rows
SLOWFAST = {"arch": "slowfast", "depth": 18, "width": 16, "alpha": 4, "beta": 4, "frames": 8}
MODALITIES = [
    Modality("rgb", [0.45, 0.45, 0.4], 0.25, flow=False),
    Modality("flow", 0.5, 0.05, flow=True),
    Modality("moving", 0.5, 0.25, flow=False, moving=True),
]


class Sent(TorchDispatchMode):
    """Counts the tensors of the host that operations take whose results are on the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        result = function(*arguments, **(named or {}))
        taken, made = (
            [each for each in tree_leaves(leaves) if isinstance(each, torch.Tensor)]
            for leaves in ((arguments, named), result)
        )
        if any(each.device == META for each in made):
            self.count += sum(each.device != META for each in taken)
        return result


def batch_of(channels):
    views = random_views(["a", "b"], [0, 0], 16, (16, 20))
    frames = torch.zeros((2, 8, 20, 24, channels), dtype=torch.uint8)
    return Batch(frames, torch.tensor([[20, 24], [18, 24]]), views, torch.tensor([3, 5]))


@pytest.mark.parametrize("taught", [None, knowledge(views=2, replay=2)], ids=["teacher", "student"])
@pytest.mark.parametrize("modality", MODALITIES, ids=lambda modality: modality.name)
@pytest.mark.parametrize("settings", [{}, {"ema": 0.9, "micro_batch": 1}], ids=["plain", "averaged"])
def test_a_step_reads_nothing_from_the_device_and_sends_only_its_batch(
    modality, taught, settings, monkeypatch
):
    monkeypatch.setattr(inference.torch, "autocast", lambda *_, **__: nullcontext())  # knows no such device
    lesson = replace(LESSON, modality=modality, knowledge=taught)
    recipe = {**RECIPE, "frames": 8, "crop": 16, "batch_size": 2, **settings}
    network = build_network(num_classes=3, in_channels=modality.channels, **SLOWFAST).to(META)
    learner, epoch = Learner(network, recipe), Epoch(0, lesson, recipe, 0)
    answers, batch = Answers(lesson, 0, META), batch_of(modality.channels)
    for number in range(3):
        with Sent() as sent:
            learn(learner, epoch, batch, answers)
            learner.step(0.5, number)
        assert sent.count == OF_A_BATCH or number == 0
        monkeypatch.delattr(
            torch, "tensor", raising=False
        )  # sends what it makes: constants, in the first step


def test_what_would_wait_is_noticed():
    values = torch.zeros(3, device=META)
    with pytest.raises(RuntimeError, match="meta"):
        values.sum().item()
    with Sent() as sent:
        _ = values[torch.tensor([0, 2])], values + torch.zeros(3, device=META), values + 1.0
    assert sent.count == 1


def test_the_frames_of_the_slow_pathway_are_picked_by_what_is_on_the_device():
    """A list of numbers would be sent in every step."""
    network = build_network(num_classes=3, in_channels=3, **SLOWFAST).to(META)
    assert [name for name, value in network.named_buffers() if value.device != META] == []
    assert network.slow.device == META and "slow" not in network.state_dict()
