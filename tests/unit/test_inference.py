"""Exported logits: every view of every video once, reproducible, and untouched by how a network was left."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ukdlib.augment import Modality
from ukdlib.clips import load_batch
from ukdlib.inference import class_logits, export, subset_samples, uses_bf16
from ukdlib.views import random_views

CLASSES = ["left", "right"]
RECIPE = {
    "frames": 2, "stride": 1, "crop": 8, "short_side": [8, 10], "flip": True, "test_short_side": 9,
    "test_clips": 2, "test_crops": 3, "export_views": 4, "batch_size": 5, "precision": "auto", "workers": 0,
}  # fmt: skip
MODALITY = Modality("rgb", mean=0.5, std=0.25, flow=False)
SHAPES = {"wide": (6, 10, 20, 3), "tall": (4, 20, 10, 3), "still": (1, 10, 12, 3)}
IDS = list(SHAPES)


def store():
    random = np.random.default_rng(0)
    videos = {name: random.integers(0, 256, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
    return SimpleNamespace(shape=lambda name: videos[name].shape, window=lambda name, i: videos[name][i])


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.AdaptiveAvgPool3d((1, 2, 2)), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(16, 2),
    )  # fmt: skip


def exported(subset, net=None, **changed):
    setting = ({**RECIPE, **changed}, MODALITY, CLASSES)
    return export(net or network(), store(), (IDS, [0, 1, 1]), subset, setting)


@pytest.mark.parametrize(("subset", "views"), [("train", 4), ("val", 6), ("test", 6)])
def test_every_view_of_every_video_has_one_row(subset, views):
    rows = exported(subset)
    assert rows.video_ids.tolist() == list(np.repeat(IDS, views)) and rows.labels.tolist() == [0] * views + [
        1
    ] * (2 * views)
    assert rows.views.tolist() == list(range(views)) * 3
    assert rows.logits.shape == (3 * views, 2) and rows.logits.dtype == np.float32 and rows.classes == CLASSES
    assert np.isfinite(rows.logits).all()


def test_a_row_does_not_depend_on_the_batch_it_was_in():
    np.testing.assert_allclose(exported("test").logits, exported("test", batch_size=1).logits, atol=1e-5)


def test_a_network_left_in_train_mode_answers_the_same_and_learns_nothing():
    left = network().train()
    before = {name: value.clone() for name, value in left.state_dict().items()}
    assert np.array_equal(exported("train", left).logits, exported("train").logits)
    assert all(torch.equal(left.state_dict()[name], value) for name, value in before.items())


def test_training_views_are_those_that_a_student_replays():
    samples, numbers = subset_samples(store(), IDS, "train", RECIPE)
    stored = random_views(samples.video_ids, numbers, 8, (8, 10))
    assert np.array_equal(samples.views.x, stored.x) and np.array_equal(samples.views.flip, stored.flip)


def test_test_crops_run_along_the_long_side():
    samples, _ = subset_samples(store(), IDS, "test", RECIPE)
    x, y = samples.views.x, samples.views.y
    for video, moving, fixed in ((0, x, y), (1, y, x)):
        mine = samples.rows == video
        assert set(moving[mine]) == {0, 0.5, 1} and set(fixed[mine]) == {0.5}
    assert not samples.views.flip.any()


def test_gradients_flow_through_the_pass_that_training_shares():
    left = network()
    samples, _ = subset_samples(store(), IDS, "test", RECIPE)
    class_logits(left, load_batch(store(), samples, [0, 1], RECIPE), RECIPE, MODALITY).sum().backward()
    assert left[0].weight.grad is not None


def test_an_empty_subset_is_refused():
    with pytest.raises(ValueError, match="no videos in subset 'val'"):
        export(network(), store(), ([], []), "val", (RECIPE, MODALITY, CLASSES))


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [("auto", "cpu", False), ("auto", "cuda", True), ("fp32", "cuda", False), ("bf16", "cpu", True)],
)
def test_precision_by_device(precision, device, expected):
    assert uses_bf16(precision, torch.device(device)) is expected


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match=r"unknown precision 'fp16'; known: \['auto', 'fp32', 'bf16'\]"):
        uses_bf16("fp16", torch.device("cpu"))
