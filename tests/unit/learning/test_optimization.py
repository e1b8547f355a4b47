"""Weight updates: rates, limits, frozen parts, head, moving average, saved memory."""

import copy

import pytest
import torch
from torch import nn

from ukdlib.learning.optimization import (
    Learner,
    follow,
    freeze,
    head_of,
    learning_rate,
    make_optimizer,
    recompute_activations,
    set_training_mode,
)

RECIPE = {
    "lr": 0.1, "optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "warmup_epochs": 0, "epochs": 10,
    "clip_grad": 1e9, "head_lr": 1, "freeze": [], "batch_norm": "train", "ema": 0, "save_memory": False,
    "compile": False,
}  # fmt: skip
INPUT = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def network():
    torch.manual_seed(0)
    block = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True))
    return nn.Sequential(block, nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)), nn.Linear(8, 3))


def loss(net):
    return net(INPUT).square().mean()


def test_the_rate_warms_up_and_falls_to_zero():
    recipe = {"lr": 2.0, "warmup_epochs": 2, "epochs": 10}
    rates = [learning_rate(recipe, progress) for progress in (0, 1, 2, 6, 10)]
    assert rates == pytest.approx([0, 1, 2, 1, 0])
    assert learning_rate({**recipe, "warmup_epochs": 0}, 0) == 2


def test_the_norm_of_a_step_is_limited():
    net = network()
    before = copy.deepcopy(net)
    learner = Learner(net, {**RECIPE, "lr": 1.0, "clip_grad": 3.0})
    (1e6 * loss(net)).backward()
    learner.step(0, 0)
    moved = [(a - b).square().sum() for a, b in zip(net.parameters(), before.parameters(), strict=True)]
    assert sum(moved).sqrt().item() == pytest.approx(3, rel=1e-4)
    assert all(weight.grad is None for weight in net.parameters())


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_head_moves_at_its_own_rate_and_the_rest_as_ever(optimizer):
    nets = []
    for factor in (1, 5):
        nets.append(network())
        learner = Learner(nets[-1], {**RECIPE, "optimizer": optimizer, "head_lr": factor})
        loss(nets[-1]).backward()
        learner.step(0, 0)
    start = network()
    torch.testing.assert_close(nets[0][0][0].weight, nets[1][0][0].weight, rtol=0, atol=0)
    moved = [net[2].weight - start[2].weight for net in nets]
    torch.testing.assert_close(5 * moved[0], moved[1], rtol=1e-4, atol=1e-6)


def test_the_head_is_the_layer_that_gives_the_logits():
    net = network()
    assert head_of(net) is net[2]


def test_a_frozen_part_keeps_weights_and_statistics_and_gets_no_gradient():
    net = network()
    before = copy.deepcopy(net.state_dict())
    learner = Learner(net, {**RECIPE, "freeze": ["0"]})
    loss(net).backward()
    assert net[0][0].weight.grad is None
    learner.step(0, 0)
    after = net.state_dict()
    for name, value in before.items():
        assert torch.equal(after[name], value) == name.startswith("0."), name


def test_a_prefix_is_a_part_not_the_beginning_of_a_word():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(12)))
    freeze(net, ["1"])
    trained = {name.split(".")[0] for name, weight in net.named_parameters() if weight.requires_grad}
    assert trained == {str(i) for i in range(12)} - {"1"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"freeze": ["blocks"]},
            r"freeze names 'blocks', but no weight name begins with it; known beginnings: \['0.0.bias'",
        ),
        ({"freeze": ["0", "1", "2"]}, "leaves nothing to train"),
        ({"optimizer": "lion"}, r"unknown optimizer 'lion'; known: \['adamw', 'sgd'\]"),
        ({"batch_norm": "off"}, r"unknown batch_norm 'off'; known: \['train', 'frozen'\]"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(ValueError, match=message):
        Learner(network(), {**RECIPE, **settings})


def test_frozen_batch_norms_keep_their_statistics_and_learn_their_weights():
    net = network()
    before = copy.deepcopy(net[0][1])
    learner = Learner(net, {**RECIPE, "batch_norm": "frozen"})
    loss(net).backward()
    learner.step(0, 0)
    assert torch.equal(net[0][1].running_mean, before.running_mean)
    assert not torch.equal(net[0][1].weight, before.weight)
    assert net[0].training and not net[0][1].training


def test_batch_norms_in_training_mode_look_at_the_batch():
    net = network()
    set_training_mode(net, RECIPE)
    assert all(module.training for module in net.modules())


def test_the_average_follows_by_the_closed_form():
    average, values = nn.Linear(1, 1, bias=False), [3.0, -1.0, 2.0]
    nn.init.constant_(average.weight, 1.0)
    target = nn.Linear(1, 1, bias=False)
    for value in values:
        nn.init.constant_(target.weight, value)
        follow(average, target, 0.5)
    assert average.weight.item() == pytest.approx(0.5**3 * 1 + 0.5**3 * 3 - 0.5**2 * 1 + 0.5 * 2)


def test_the_average_of_an_unchanged_network_is_the_network():
    net = network()
    average = copy.deepcopy(net)
    follow(average, net, 0.9)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(average.state_dict()[name], value)


def test_the_average_of_a_training_begins_fast():
    """(1 + n) / (10 + n) until the decay is reached: a short training is not held back by its random start."""
    net = network()
    start = net[2].weight.detach().clone()
    learner = Learner(net, {**RECIPE, "ema": 0.999})
    loss(net).backward()
    learner.step(0, 0)
    expected = 0.1 * start + 0.9 * net[2].weight
    torch.testing.assert_close(learner.average[2].weight, expected)
    learner.finish()
    torch.testing.assert_close(net[2].weight, expected)


def test_saved_memory_changes_neither_gradients_nor_statistics():
    plain, saving = network(), network()
    recompute_activations(saving)
    for net in (plain, saving):
        for _ in range(3):
            loss(net).backward()
    for (name, a), b in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name)
    for part in (0, 1):
        torch.testing.assert_close(plain[part][1].running_mean, saving[part][1].running_mean)
        torch.testing.assert_close(plain[part][1].running_var, saving[part][1].running_var)
    assert plain.state_dict().keys() == saving.state_dict().keys()


def test_less_is_kept_for_the_backward_pass():
    def kept(net):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            loss(net)
        return sum(sizes)

    saving = network()
    recompute_activations(saving)
    assert kept(saving) < kept(network())


def test_all_weights_are_in_one_group_or_the_other():
    net = network()
    groups = make_optimizer(net, RECIPE).param_groups
    assert [group["scale"] for group in groups] == [1, 1]
    listed = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(listed) == sorted(id(weight) for weight in net.parameters())
