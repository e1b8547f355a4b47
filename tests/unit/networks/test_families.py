"""
Requirements on every family of the zoo, tested on a small member of each: logits for clips of any channels and crop,
finite gradients, training, a checkpoint that gives the same outputs.
"""

import numpy as np
import pytest
import torch

from ukdlib.knowledge.export import export
from ukdlib.learning.augment import Modality
from ukdlib.learning.checkpoints import load_network, save_checkpoint
from ukdlib.learning.inference import prepare
from ukdlib.learning.kept import FramesInMemory
from ukdlib.learning.training import Lesson, Run, fit
from ukdlib.networks import FAMILIES as ARCHS
from ukdlib.networks import Carried, initial_network

FRAMES, CLASSES = 8, 3
CPU = torch.device("cpu")
RGB = Modality("rgb", mean=0.5, std=0.25, flow=False)
SMALL = {
    "slowfast": {"depth": 18, "width": 8, "alpha": 4, "fast_stem": [5, 3, 3]},
    "nl_i3d": {
        "width": 16, "blocks": [1, 2, 2, 1], "nonlocal_res3": [1], "nonlocal_res4": [1], "stem_stride": 1,
        "pool_stride": 1, "dropout": 0.0,
    },
    "csn": {"depth": 50, "width": 8, "dropout": 0.0},
    "tpn": {"width": 8, "blocks": [1, 1, 1, 1], "groups": 8, "dropout": 0.0},
    "x3d": {"variant": "xs", "width_factor": 1.0},
    "r2plus1d": {"width": 8},
    "mvit": {"crop": 32, "depth": 4, "width": 16, "widen_at": [1, 2]},
    "torchvision": {"model": "mc3_18", "crop": 32},
    "huggingface": {"model": "videomae", "crop": 32, "depth": 4, "width": 32},
}  # fmt: skip
FAMILIES = sorted(SMALL)
RECIPE = {
    "frames": FRAMES, "stride": 1, "crop": 32, "short_side": [32, 36], "flip": True, "epochs": 1, "batch_size": 4,
    "lr": 0.01, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 0, "clip_grad": 40,
    "precision": "auto", "workers": 0, "test_short_side": 32, "test_clips": 1, "test_crops": 1,
    "head_lr": 1, "freeze": [], "batch_norm": "train", "ema": 0, "save_memory": False,
    "cache": "none", "compile": False,
}  # fmt: skip


def settings(family):
    return {"arch": family, "frames": FRAMES, **SMALL[family]}


def store():
    """Four videos of noise whose brightness a network can learn."""
    random = np.random.default_rng(0)
    videos = {f"v{i}": random.integers(40 * i, 40 * i + 99, (9, 36, 40, 3), dtype=np.uint8) for i in range(4)}
    return FramesInMemory(videos)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_can_be_sent_to_another_process(family, tmp_path):
    network = initial_network(settings(family), CLASSES, 3, seed=0).eval()
    torch.save(Carried(network), tmp_path / "network")
    clip = torch.rand(1, 3, FRAMES, 32, 32)
    received = torch.load(tmp_path / "network", weights_only=False).eval()
    assert torch.equal(received(clip), network(clip))


def test_every_network_is_of_a_family_with_a_small_member():
    assert set(SMALL) <= set(ARCHS)
    published = set(ARCHS) - set(SMALL)
    assert published == {
        "slowfast_r50_4x16", "slowfast_r50_8x8", "nl_i3d_r50", "nl_i3d_r101", "ir_csn_r152", "tpn_r50"
    }  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_trains_and_comes_back_from_its_checkpoint(family, tmp_path):
    network = initial_network(settings(family), CLASSES, 3, seed=0)
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    lesson = Lesson(store(), [f"v{i}" for i in range(4)], np.arange(4) % CLASSES, RGB)
    history = fit(network, lesson, RECIPE, Run(0, CPU, f"{tmp_path}/state"))
    assert np.isfinite(history[-1]["loss"])
    for name, weight in network.named_parameters():
        assert torch.isfinite(weight).all(), name  # a NaN gradient would have spread
    changed = [name for name, weight in network.named_parameters() if not torch.equal(weight, before[name])]
    assert len(changed) > 0.6 * len(before)  # what leads to a weight of 0 learns from the second step on

    path, classes = tmp_path / "a.safetensors", ["a", "b", "c"]
    stated = {"network": settings(family), "in_channels": 3, "classes": classes}
    save_checkpoint(path, network, stated)
    loaded = prepare(
        load_network(path, **stated)[0], CPU
    )  # the same memory layout, on which the order of sums depends
    videos, setting = (lesson.video_ids, lesson.labels), (RECIPE, RGB, classes)
    of_trained, of_loaded = (
        export(net, lesson.store, videos, "test", setting, (f"{tmp_path}/journal{number}", ""))
        for number, net in enumerate((network, loaded))
    )
    assert np.isfinite(of_trained.logits).all() and of_trained.logits.shape == (4, CLASSES)
    assert np.array_equal(of_trained.logits, of_loaded.logits)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_takes_flow_and_other_crops(family):
    network = initial_network(settings(family), CLASSES, 2, seed=0).eval()
    crop = SMALL[family].get("crop", 48)
    with torch.no_grad():
        assert network(torch.rand(1, 2, FRAMES, crop, crop)).shape == (1, CLASSES)


def test_a_new_nonlocal_block_is_the_identity():
    with_blocks, without = (
        initial_network({**settings("nl_i3d"), **change}, CLASSES, 3, seed=0).eval()
        for change in ({}, {"nonlocal_res3": [], "nonlocal_res4": []})
    )
    with_blocks.load_state_dict(without.state_dict(), strict=False)
    clip = torch.rand(1, 3, FRAMES, 32, 32)
    with torch.no_grad():
        assert torch.equal(with_blocks(clip), without(clip))


@pytest.mark.parametrize("mode", ["embedded_gaussian", "dot_product", "gaussian"])
@pytest.mark.parametrize("pooled", ["before", "after"])
def test_a_nonlocal_block_is_the_published_mean(mode, pooled):
    """Against Eq. 1 written out position by position, on a map of equal 2x2 cells, where pooling commutes."""
    from ukdlib.networks.nonlocal_i3d import NonLocal

    torch.manual_seed(0)
    block = NonLocal(4, mode, scaled=False, pooled=pooled).eval()
    torch.nn.init.ones_(block.norm.weight)
    cells = torch.rand(1, 4, 2, 2, 2)
    x = cells.repeat_interleave(2, 3).repeat_interleave(2, 4)
    queries, keys = (cells, cells) if mode == "gaussian" else (block.theta(cells), block.phi(cells))
    affinity = queries.flatten(2)[0].T @ keys.flatten(2)[0]
    weights = affinity / affinity.shape[1] if mode == "dot_product" else affinity.exp()
    if mode != "dot_product":
        weights = weights / weights.sum(dim=1, keepdim=True)
    mean = (weights @ block.g(cells).flatten(2)[0].T).T.reshape(1, 2, 2, 2, 2)
    expected = cells + block.norm(block.out(mean))
    torch.testing.assert_close(block(x)[..., ::2, ::2], expected, rtol=1e-5, atol=1e-6)


def test_the_pyramid_lets_both_levels_reach_the_output():
    network = initial_network(settings("tpn"), CLASSES, 3, seed=0)
    network(torch.rand(2, 3, FRAMES, 32, 32)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_x3d_gives_the_librarys_probabilities():
    """At the size that the library's head is made for; its softmax is omitted here."""
    from pytorchvideo.models.x3d import create_x3d

    theirs = create_x3d(input_clip_length=4, input_crop_size=64, model_num_class=5, width_factor=1.0).eval()
    options = {"arch": "x3d", "frames": 4, "variant": "xs", "width_factor": 1.0}
    ours = initial_network(options, 5, 3, seed=0).eval()
    ours.load_state_dict(theirs.state_dict())
    clip = torch.rand(2, 3, 4, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(clip).softmax(dim=1), theirs(clip), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": "nl_i3d", "frames": 4}, "nl_i3d: 4 frames are fewer than its strides"),
        ({"arch": "nl_i3d", "frames": 8, "nonlocal_res3": [4]}, r"nonlocal_res3 names \[4\]; res3 has blocks 0 to 3"),
        ({"arch": "nl_i3d", "frames": 8, "nonlocal_mode": "gauss"}, "unknown nonlocal_mode 'gauss'; known"),
        ({"arch": "tpn", "frames": 8, "width": 3}, "groups 32 do not divide the neck's 48 channels"),
        ({"arch": "csn", "frames": 8, "depth": 18}, r"csn: unknown depth 18; known: \[50, 101, 152\]"),
        ({"arch": "x3d", "frames": 8, "variant": "xl"}, r"x3d: unknown variant 'xl'; known"),
        ({"arch": "mvit", "frames": 8, "crop": 48}, "mvit: crop 48 is not a multiple of 32"),
        ({"arch": "mvit", "frames": 8}, "'mvit' lacks option crop"),
        ({"arch": "torchvision", "frames": 8, "crop": 48, "model": "r4d"}, r"unknown model 'r4d'; known: \['r3d_18'"),
        ({"arch": "torchvision", "frames": 8, "crop": 32, "model": "r3d_18", "dropout": 0.1}, "r3d_18 has no dropout"),
    ],
)  # fmt: skip
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        initial_network(options, 3, 3, seed=0)
