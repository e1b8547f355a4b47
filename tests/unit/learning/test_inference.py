"""The forward pass that training, export and measurement share: it carries gradients, in a known precision."""

import numpy as np
import pytest
import torch
from torch import nn

from ukdlib.learning.augment import Modality
from ukdlib.learning.batches import Batch
from ukdlib.learning.inference import class_logits, computed_in, prepare, uses_bf16
from ukdlib.learning.views import random_views

RECIPE = {"crop": 8, "precision": "auto"}
RGB = Modality("rgb", mean=0.5, std=0.25, flow=False)
FRAMES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 10, 12, 3), dtype=np.uint8))
BATCH = Batch(
    FRAMES, torch.tensor([[10, 12]] * 2), random_views(["a", "b"], [0, 0], 8, (8, 10)), torch.arange(2)
)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(3, 4, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 5))


def test_gradients_flow_through_the_pass():
    logits = class_logits(net := network(), BATCH, RECIPE, RGB)
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert net[0].weight.grad.abs().sum() > 0


def test_half_precision_is_close_and_comes_out_single():
    single, half = (
        class_logits(network(), BATCH, {**RECIPE, "precision": precision}, RGB)
        for precision in ("fp32", "bf16")
    )
    assert half.dtype == torch.float32
    assert not torch.equal(single, half)
    torch.testing.assert_close(single, half, atol=0.05, rtol=0.05)


def test_the_layout_of_memory_changes_no_logit():
    plain = class_logits(network(), BATCH, RECIPE, RGB)
    torch.testing.assert_close(
        class_logits(prepare(network(), torch.device("cpu")), BATCH, RECIPE, RGB), plain
    )


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [("auto", "cpu", False), ("auto", "cuda", True), ("fp32", "cuda", False), ("bf16", "cpu", True)],
)
def test_precision_by_device(monkeypatch, precision, device, expected):
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: None)
    assert uses_bf16(precision, torch.device(device)) is expected


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match=r"unknown precision 'fp16'; known: \['auto', 'fp32', 'bf16'\]"):
        uses_bf16("fp16", torch.device("cpu"))


def test_tf32_is_not_called_fp32(monkeypatch):
    """As torch leaves it, and as choose_device does."""
    for allowed, name in ((True, "tf32"), (False, "fp32")):
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
        assert computed_in("fp32", torch.device("cuda")) == name
        assert computed_in("fp32", torch.device("cpu")) == "fp32"


@pytest.mark.parametrize(
    ("version", "faulty"), [(90701, None), (90800, "9.8"), (91002, "9.10.2"), (91400, "9.14"), (91500, None)]
)
def test_a_cudnn_that_computes_wrongly_in_bf16_is_not_used_for_that(monkeypatch, version, faulty):
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: version)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert not uses_bf16("fp32", cuda) and uses_bf16("bf16", cpu)
    for precision in ("auto", "bf16"):
        if faulty is None:
            assert computed_in(precision, cuda) == "bf16"
        else:
            said = rf"cuDNN {faulty} computes .*`pip install 'nvidia-cudnn-cu13>=9\.15'`\), or set precision: fp32"
            with pytest.raises(RuntimeError, match=said):
                computed_in(precision, cuda)
