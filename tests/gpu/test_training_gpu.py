"""Trainings on a GPU: no step waits, kept frames and compiled networks change nothing, a stopped one resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.learning.test_training import IDS, LABELS, LESSON, RECIPE, knowledge, tiny_network
from tests.unit.learning.test_waiting import MODALITIES, SLOWFAST, batch_of
from ukdlib.knowledge.export import export, verify
from ukdlib.learning.inference import prepare
from ukdlib.learning.kept import FramesOnDevice, keep
from ukdlib.learning.optimization import Learner
from ukdlib.learning.training import Answers, Epoch, Run, fit, learn
from ukdlib.machine import interruption
from ukdlib.machine.interruption import Interrupted
from ukdlib.networks import build_network

pytestmark = pytest.mark.gpu
GPU = torch.device("cuda")
CLOSE = {"rel": 2e-2, "abs": 2e-2}  # bf16, and sums in another order


def pinned(batch):
    return replace(batch, frames=batch.frames.pin_memory())


@pytest.fixture
def waiting_is_an_error():
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("taught", [None, knowledge(views=2, replay=2)], ids=["teacher", "student"])
@pytest.mark.parametrize("modality", MODALITIES, ids=lambda modality: modality.name)
def test_no_step_waits_for_the_device(modality, taught, waiting_is_an_error):
    lesson = replace(LESSON, modality=modality, knowledge=taught)
    recipe = {**RECIPE, "frames": 8, "crop": 16, "batch_size": 2, "optimizer": "adamw", "ema": 0.9}
    network = prepare(build_network(num_classes=3, in_channels=modality.channels, **SLOWFAST), GPU)
    learner, epoch = Learner(network, recipe), Epoch(0, lesson, recipe, 0)
    answers, batch = Answers(lesson, 0, GPU), pinned(batch_of(modality.channels))
    for number in range(5):
        learn(learner, epoch, batch, answers)
        learner.step(0.5, number)
        if number == 1:  # constants have been sent, optimizers have their memory
            waiting_is_an_error()


def without_dropout():
    """A compiled dropout draws other numbers."""
    network = tiny_network()
    network[5] = nn.Identity()
    return network


def trained(folder, **changed):
    network = without_dropout()
    history = fit(network, LESSON, {**RECIPE, **changed}, Run(7, GPU, f"{folder}/{sorted(changed.items())}"))
    return [row["loss"] for row in history], network


@pytest.mark.parametrize(
    "changed",
    [{"workers": 3}, {"cache": "memory"}, {"cache": "device"}],
    ids=lambda changed: next(iter(changed)) + str(next(iter(changed.values()))),
)
def test_how_clips_are_read_changes_nothing(changed, tmp_path):
    assert trained(tmp_path, **changed)[0] == pytest.approx(trained(tmp_path)[0], **CLOSE)


@pytest.mark.slow  # compiles
def test_a_compiled_training_is_the_same_but_for_rounding(tmp_path):
    assert trained(tmp_path, compile=True)[0][0] == pytest.approx(trained(tmp_path)[0][0], **CLOSE)


def test_frames_are_kept_on_the_device_and_cut_out_there():
    kept = keep(LESSON.store, IDS, "device", GPU, 2)
    assert isinstance(kept, FramesOnDevice) and kept.device.type == "cuda"
    out = torch.empty((3, 10, 12, 3), dtype=torch.uint8, device=GPU)
    kept.copy(IDS[0], np.array([2, 0, 2]), out)
    assert np.array_equal(out.cpu().numpy(), LESSON.store.window(IDS[0], np.array([2, 0, 2])))


def test_a_training_that_is_stopped_resumes(tmp_path, monkeypatch):
    whole, _ = trained(tmp_path)
    looks = iter(range(1_000_000))
    monkeypatch.setattr(interruption, "requested", lambda: next(looks) == 4)
    run = Run(7, GPU, f"{tmp_path}/stopped")
    with pytest.raises(Interrupted):
        fit(without_dropout(), LESSON, RECIPE, run)
    history = fit(without_dropout(), LESSON, RECIPE, run)
    assert [row["loss"] for row in history] == pytest.approx(whole, **CLOSE)


@pytest.mark.parametrize("kernel", [(1, 3, 3), (3, 1, 1), (5, 7, 7)], ids=str)
def test_convolutions_in_bf16_are_near_those_in_double_precision(kernel):
    """cuDNN 9.8 to 9.14 gave wrong ones (pytorch#163539, #166643)."""
    torch.manual_seed(0)
    layer = nn.Conv3d(16, 32, kernel, padding=tuple(k // 2 for k in kernel)).to(GPU)
    clips = torch.randn(2, 16, 8, 28, 28, device=GPU)
    expected = layer.double()(clips.double())
    layer.float()
    low = layer.to(memory_format=torch.channels_last_3d)
    with torch.autocast("cuda", torch.bfloat16):
        found = low(clips.contiguous(memory_format=torch.channels_last_3d))
    assert (found.double() - expected).abs().max() < 0.05 * expected.std()


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_logits_that_were_exported_here_pass_verification(precision, tmp_path):
    recipe = {
        **RECIPE, "precision": precision, "test_short_side": 9, "test_clips": 2, "test_crops": 1, "export_views": 2,
    }  # fmt: skip
    setting = (recipe, LESSON.modality, ["a", "b", "c"])
    network = prepare(tiny_network(), GPU)
    rows = export(network, LESSON.store, (IDS, LABELS), "test", setting, (f"{tmp_path}/journal", ""))
    rows.metadata["subset"] = "test"
    assert verify(network, LESSON.store, rows, setting, 8)["rows"] == 8
