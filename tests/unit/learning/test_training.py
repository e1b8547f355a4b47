"""Training: it learns, it resumes bit for bit, and teachers and students share one loop."""

import csv
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ukdlib.learning import resuming, training
from ukdlib.learning.augment import Modality
from ukdlib.learning.clips import epoch_samples
from ukdlib.learning.kept import FramesInMemory
from ukdlib.learning.training import HISTORY, Answers, Knowledge, Lesson, Run, fit, lesson_loss, training_key

IDS = [f"v{i:02d}" for i in range(24)]
LABELS = np.arange(24) % 3
RECIPE = {
    "frames": 2, "stride": 1, "crop": 8, "short_side": [8, 10], "flip": True, "epochs": 4, "batch_size": 8,
    "lr": 0.1, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 1, "clip_grad": 40,
    "precision": "auto", "workers": 0, "head_lr": 1, "freeze": [], "batch_norm": "train", "ema": 0,
    "save_memory": False, "cache": "none", "compile": False,
}  # fmt: skip
CPU = torch.device("cpu")


def brightness_store():
    """Noise whose mean gives the class."""
    random = np.random.default_rng(0)
    videos = {
        name: random.integers(80 * label, 80 * label + 90, (4, 10, 12, 3), dtype=np.uint8)
        for name, label in zip(IDS, LABELS, strict=True)
    }
    return FramesInMemory(videos)


LESSON = Lesson(brightness_store(), IDS, LABELS, Modality("rgb", mean=0.5, std=0.25, flow=False))


def tiny_network():
    """A stand-in for a real network: batch norm and dropout, so that all kinds of state matter."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 16, (1, 3, 3)), nn.BatchNorm3d(16), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(16, 3),
    )  # fmt: skip


def knowledge(views=1, replay=0, **settings):
    target = np.full((24, views, 3), 0.1, np.float32)
    target[np.arange(24), :, LABELS] = 0.8
    stated = {"tau": 2.0, "alpha": 0.5, "kl_reduction": "batchmean", **settings}
    return Knowledge(target, np.zeros((24, views), np.float32), replay=replay, **stated)


def without_seconds(history):
    return [{key: row[key] for key in HISTORY if key != "seconds"} for row in history]


@pytest.mark.parametrize("taught", [None, knowledge(), knowledge(views=2, replay=2), knowledge(alpha=0.0)])
def test_what_can_be_learnt_is_learnt(taught, tmp_path):
    taught_lesson, run = replace(LESSON, knowledge=taught), Run(0, CPU, f"{tmp_path}/state")
    history = fit(tiny_network(), taught_lesson, {**RECIPE, "epochs": 20}, run)
    assert history[-1]["top1"] > 0.9 and history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert (history[0]["divergence"] is None) == (taught is None)


@pytest.mark.parametrize("taught", [None, knowledge(views=2, replay=2)])
@pytest.mark.parametrize(
    "settings", [{}, {"ema": 0.9, "micro_batch": 4}, {"optimizer": "adamw", "head_lr": 3}]
)
@pytest.mark.parametrize("epochs_before", [1, 3])
def test_an_interrupted_training_ends_bit_for_bit_like_an_uninterrupted_one(
    taught, settings, epochs_before, tmp_path, monkeypatch
):
    taught_lesson, recipe = replace(LESSON, knowledge=taught), {**RECIPE, **settings}
    whole, broken, resumed = (tiny_network() for _ in range(3))
    expected = fit(whole, taught_lesson, recipe, Run(7, CPU, f"{tmp_path}/whole"))

    run_epoch, run = training._train_epoch, Run(7, CPU, f"{tmp_path}/broken")

    def killed(*arguments):
        if arguments[1].number == epochs_before:
            raise KeyboardInterrupt
        return run_epoch(*arguments)

    monkeypatch.setattr(training, "_train_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, taught_lesson, recipe, run)
    monkeypatch.setattr(training, "_train_epoch", run_epoch)
    torch.rand(5)  # another process has other random numbers
    history = fit(resumed, taught_lesson, recipe, run)

    assert without_seconds(history) == without_seconds(expected)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_two_trainings_with_one_seed_are_equal_and_another_seed_differs(tmp_path):
    histories = [
        without_seconds(fit(tiny_network(), LESSON, RECIPE, Run(seed, CPU, f"{tmp_path}/{n}")))
        for n, seed in enumerate((0, 0, 1))
    ]
    assert histories[0] == histories[1] != histories[2]


@pytest.mark.parametrize(
    ("changed", "recipe", "run"),
    [
        (replace(LESSON, knowledge=knowledge()), RECIPE, {}),
        (replace(LESSON, labels=(LABELS + 1) % 3), RECIPE, {}),
        (LESSON, {**RECIPE, "lr": 0.2}, {}),
        (LESSON, RECIPE, {"seed": 1}),
        (LESSON, RECIPE, {"key": "other code"}),
    ],
)
def test_the_state_of_another_training_is_ignored_with_a_line(changed, recipe, run, tmp_path, capsys):
    first = Run(0, CPU, f"{tmp_path}/state", key="code")
    fit(tiny_network(), LESSON, RECIPE, first)
    capsys.readouterr()
    assert len(fit(tiny_network(), changed, recipe, replace(first, **run))) == 4
    said = capsys.readouterr().err
    assert "other settings, not resumed" in said and said.count("epoch ") == 4


def test_a_finished_training_is_not_done_again(tmp_path, capsys):
    run = Run(0, CPU, f"{tmp_path}/state")
    first = fit(tiny_network(), LESSON, RECIPE, run)
    capsys.readouterr()
    assert fit(tiny_network(), LESSON, RECIPE, run) == first
    assert "resumed after 4 epochs" in capsys.readouterr().err
    resuming.discard_state(run.state)
    resuming.discard_state(run.state)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(FloatingPointError, match=r"loss is (nan|inf) in epoch 0; lr 1e\+30 may be too high"):
        fit(
            tiny_network(),
            LESSON,
            {**RECIPE, "lr": 1e30, "warmup_epochs": 0},
            Run(0, CPU, f"{tmp_path}/state"),
        )


def test_alpha_one_learns_what_a_teacher_learns(tmp_path):
    histories = [
        fit(tiny_network(), replace(LESSON, knowledge=taught), RECIPE, Run(0, CPU, f"{tmp_path}/{n}"))
        for n, taught in enumerate((None, knowledge(alpha=1.0)))
    ]
    assert [row["loss"] for row in histories[0]] == pytest.approx(
        [row["loss"] for row in histories[1]], rel=1e-6
    )


def test_every_clip_gets_its_own_target():
    """A student that predicts exactly the target of the current view has no divergence, whichever view it is."""
    random = np.random.default_rng(0)
    stored = random.dirichlet(np.ones(3), size=(24, 2)).astype(np.float32)
    stored_knowledge = replace(knowledge(views=2, replay=2), target=stored)
    for epoch in range(4):
        rows = torch.from_numpy(epoch_samples(IDS, RECIPE, 0, epoch, stored_knowledge.replay).rows)
        logits = 2.0 * torch.from_numpy(np.log(stored[rows, epoch % 2]))
        divergence = lesson_loss(
            logits, rows, Answers(replace(LESSON, knowledge=stored_knowledge), epoch, CPU)
        )[2]
        assert divergence.item() == pytest.approx(0, abs=1e-6)


def test_the_history_is_a_table(tmp_path):
    row = dict(zip(HISTORY, (0, 0.1, 1.5, 1.5, None, 0.25, 3.2), strict=True))
    training.write_history(f"{tmp_path}/history.csv", [row, {**row, "epoch": 1, "divergence": math.pi}])
    with open(tmp_path / "history.csv") as file:
        first, second = csv.DictReader(file)
    assert first["divergence"] == "" and float(second["divergence"]) == math.pi and second["epoch"] == "1"


def test_gradients_of_small_batches_add_up_to_those_of_the_whole(tmp_path):
    """Without batch norm and dropout, which see a batch as a whole, the size of a part makes no difference."""
    networks = []
    for micro in (8, 4, 3, 1):  # 3: another size of step
        torch.manual_seed(0)
        networks.append(nn.Sequential(nn.AdaptiveAvgPool3d(2), nn.Flatten(), nn.Linear(24, 3)))
        recipe = {**RECIPE, "micro_batch": micro, "batch_size": 8 if micro != 3 else 24}
        fit(networks[-1], LESSON, recipe, Run(0, CPU, f"{tmp_path}/{micro}"))
    for parts in (1, 3):
        torch.testing.assert_close(networks[0][2].weight, networks[parts][2].weight, rtol=1e-4, atol=1e-6)
    torch.manual_seed(0)
    whole = nn.Sequential(nn.AdaptiveAvgPool3d(2), nn.Flatten(), nn.Linear(24, 3))
    fit(whole, LESSON, {**RECIPE, "batch_size": 24}, Run(0, CPU, f"{tmp_path}/whole"))
    torch.testing.assert_close(whole[2].weight, networks[2][2].weight, rtol=1e-4, atol=1e-6)


@pytest.mark.slow  # compiles
@pytest.mark.skipif(shutil.which("gcc") is None, reason="torch.compile needs a compiler on a CPU")
def test_a_compiled_training_is_the_same_but_for_rounding(tmp_path):
    results = []
    for compiled in (False, True):
        network = tiny_network()
        network[5] = nn.Identity()  # dropout, whose random numbers are other ones
        recipe = {**RECIPE, "epochs": 2, "compile": compiled}
        history = fit(network, LESSON, recipe, Run(7, CPU, f"{tmp_path}/{compiled}"))
        results.append((history, network.state_dict()))
    (plain, weights), (compiled, others) = results
    for one, other in zip(plain, compiled, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert list(weights) == list(others)
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, atol=1e-4, rtol=1e-4)


def test_the_moving_average_is_the_model(tmp_path):
    plain, averaged = tiny_network(), tiny_network()
    first = without_seconds(fit(plain, LESSON, RECIPE, Run(0, CPU, f"{tmp_path}/plain")))
    second = without_seconds(fit(averaged, LESSON, {**RECIPE, "ema": 0.99}, Run(0, CPU, f"{tmp_path}/ema")))
    assert first == second  # the average only follows
    assert not torch.equal(plain[0].weight, averaged[0].weight)


def test_how_clips_are_read_is_not_a_setting_of_a_training():
    key = training_key(tiny_network(), LESSON, RECIPE, Run(0, CPU, ""))
    read = {**RECIPE, "workers": 4, "cache": "memory"}
    assert training_key(tiny_network(), LESSON, read, Run(0, CPU, "")) == key
    assert training_key(tiny_network(), LESSON, {**RECIPE, "lr": 0.5}, Run(0, CPU, "")) != key


def test_clips_without_labels_are_learnt_from_their_targets(tmp_path):
    """Half of the clips lose their labels; the targets of the teachers still tell the classes apart."""
    labels = np.where(np.arange(24) < 12, LABELS, -1)
    lesson = replace(LESSON, labels=labels, knowledge=knowledge(alpha=1.0))
    history = fit(tiny_network(), lesson, {**RECIPE, "epochs": 20}, Run(0, CPU, f"{tmp_path}/state"))
    assert history[-1]["top1"] > 0.9, "accuracy is over the clips with labels"
    assert history[-1]["divergence"] < 0.5 * history[0]["divergence"]


def test_the_weight_of_clips_without_labels_belongs_to_the_training():
    run = Run(0, CPU, "state")
    keys = {
        training_key(tiny_network(), replace(LESSON, knowledge=knowledge(unlabelled=w)), RECIPE, run)
        for w in (1, 2)
    }
    assert len(keys) == 2


def test_an_epoch_without_a_labelled_clip_has_no_accuracy(tmp_path):
    """17 of 18 clips have no label; the last two of an epoch are dropped, sometimes the labelled one among them."""
    ids, labels = IDS[:18], np.where(np.arange(18) == 0, LABELS[:18], -1)
    known = knowledge()
    part = replace(known, target=known.target[:18], constant=known.constant[:18])
    lesson = replace(LESSON, video_ids=ids, labels=labels, knowledge=part)
    history = fit(tiny_network(), lesson, {**RECIPE, "epochs": 30}, Run(0, CPU, f"{tmp_path}/state"))
    without = [row for row in history if math.isnan(row["top1"])]
    assert 0 < len(without) < len(history) and all(math.isfinite(row["loss"]) for row in history)
