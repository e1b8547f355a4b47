"""Requirements on every network of the zoo, and on SlowFast in particular."""

import subprocess
import sys

import pytest
import torch

from ukdlib.networks import build_network, initial_network
from ukdlib.networks.pathways import pick_slow
from ukdlib.networks.torchvision_import import roi_align_left_out

THIN = {"arch": "slowfast", "depth": 18, "width": 8, "alpha": 4, "frames": 8, "fast_stem": [5, 3, 3]}


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def test_the_papers_network_has_its_published_size():
    with torch.device("meta"):  # counts, no memory
        network = build_network("slowfast", num_classes=11, in_channels=3, frames=32, slow_indices="nearest")
    assert parameters(network) == 33_669_843  # 33.67 M at 11 classes


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("crop", [32, 48])
def test_any_crop_and_number_of_channels_gives_logits(channels, crop):
    network = initial_network(THIN, 11, channels, seed=0).eval()
    assert network(torch.rand(2, channels, 8, crop, crop)).shape == (2, 11)


def test_both_pathways_and_their_lateral_connections_reach_the_output():
    network = initial_network({**THIN, "dropout": 0.0}, 5, 3, seed=0)
    network(torch.rand(2, 3, 8, 32, 32)).square().sum().backward()
    names = [name for name, weight in network.named_parameters() if weight.grad.abs().sum() > 0]
    for part in ("multipathway_blocks.0", "multipathway_blocks.1", "conv_fast_to_slow"):
        assert any(part in name for name in names)


def test_the_slow_pathway_sees_its_own_frames_only():
    """Frames outside the slow ones reach the output through the fast pathway alone."""
    network = initial_network(THIN, 5, 3, seed=0).eval()
    seen = []
    stem = network.network.blocks[0].multipathway_blocks[0]
    stem.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    clip = torch.rand(1, 3, 8, 32, 32)
    network(clip)
    assert torch.equal(seen[0], clip[:, :, [0, 7]])


@pytest.mark.parametrize(("rule", "expected"), [("linspace", [0, 10, 20, 31]), ("nearest", [0, 8, 16, 24])])
def test_slow_frames_as_the_two_code_bases_pick_them(rule, expected):
    assert pick_slow(rule, frames=32, alpha=8) == expected


def test_outputs_are_pytorchvideos_own():
    """For the same weights, given the two pathways' frames by hand."""
    ours = initial_network(THIN, 5, 3, seed=0).eval()
    with roi_align_left_out():
        from pytorchvideo.models.slowfast import create_slowfast
    theirs = create_slowfast(
        model_depth=18,
        model_num_class=5,
        slowfast_fusion_conv_stride=(4, 1, 1),
        stem_dim_outs=(8, 1),
        stem_conv_kernel_sizes=((1, 7, 7), (5, 3, 3)),
        head_pool_kernel_sizes=((2, 2, 2), (8, 2, 2)),  # all that is left of 8 frames of 64 pixels
    ).eval()
    theirs.load_state_dict(ours.network.state_dict())
    clip = torch.rand(2, 3, 8, 64, 64)
    with torch.no_grad():
        difference = (ours(clip) - theirs([clip[:, :, [0, 7]], clip])).abs().max()
    assert difference < 1e-6  # the library's pool sums in another order than the one for any crop


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(5)
    first = initial_network(THIN, 5, 3, seed=1).state_dict()
    torch.rand(7)
    second, other = (initial_network(THIN, 5, 3, seed).state_dict() for seed in (1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_building_a_network_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    initial_network(THIN, 5, 3, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_networks_need_no_torchvision():
    """It costs 2 s per job and cannot be imported beside a CPU-only torch."""
    code = (
        "import sys; from ukdlib.networks import build_network; "
        f"build_network(num_classes=5, in_channels=3, **{THIN}); sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"arch": "slowfest"},
            r"unknown network arch 'slowfest'; known: .*'slowfast', .*, or module:function",
        ),
        ({"arch": "slowfast", "frames": 8, "depht": 18}, "has no option depht; known: .*'depth'"),
        ({"arch": "slowfast", "frames": 12}, "frames 12 is not a multiple of alpha 8"),
        ({"arch": "slowfast", "frames": 8, "width": 12}, "width 12 is not a multiple of beta 8"),
        ({"arch": "slowfast", "frames": 8, "depth": 34}, r"depth 34; known: \[18, 50, 101, 152\]"),
        ({"arch": "slowfast", "frames": 8, "slow_indices": "first"}, r"slow_indices 'first'; known"),
        ({"arch": "slowfast"}, "lacks option frames"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_network(num_classes=11, in_channels=3, **arguments)


def test_a_clip_of_another_length_is_refused():
    network = initial_network(THIN, 5, 3, seed=0)
    with pytest.raises(ValueError, match="built for 8 frames, the clip has 16"):
        network(torch.rand(1, 3, 16, 32, 32))
