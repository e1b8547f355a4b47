"""
The paper's networks have their published sizes, at 400 classes.

Parameters: the integers in MMAction2's metafiles (configs/recognition/{slowfast,i3d,csn,tpn}/metafile.yml), from
which two deliberate differences are taken. Multiply-adds: the figures in its tables, which are for crops of 256
(so say the numbers: at 224 all are 23 % lower) and count, beside convolutions, linear layers and matrix products, two
operations per element of a batch normalisation; torch's counter counts only the former.
"""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ukdlib.networks import build_network

LATERAL_NORMS = 928  # of SlowFast, which MMAction2 omits: 2 * (16 + 64 + 128 + 256)
AUXILIARY_HEAD = 19_698_064  # of TPN, which is omitted here: 1024 * 2048 * 9 + 2 * 2048 + 2049 * 400
PLAIN = {"frames": 32, "nonlocal_res3": [], "nonlocal_res4": []}

SIZES = [  # arch, options, parameters, multiply-adds published in G
    ("slowfast_r50_4x16", {}, 34_479_288 + LATERAL_NORMS, 36.3),
    ("slowfast_r50_8x8", {}, 34_565_560 + LATERAL_NORMS, 66.1),
    ("nl_i3d", PLAIN, 28_043_472, 43.5),
    ("nl_i3d_r50", {}, 35_397_840, 59.3),
    ("nl_i3d_r50", {"nonlocal_mode": "dot_product"}, 35_397_840, 59.3),
    ("nl_i3d_r50", {"nonlocal_mode": "gaussian"}, 31_723_728, 56.5),
    ("ir_csn_r152", {}, 29_703_568, 97.63),
    ("csn", {"frames": 32}, 13_131_152, 55.90),
    ("tpn_r50", {}, 91_498_336 - AUXILIARY_HEAD, 66.01),
    ("nl_i3d_r101", {}, 59_108_560, None),  # own count: no size of it is published
]


def on_meta(arch, options):
    with torch.device("meta"):  # counts, no memory
        return build_network(arch, 400, 3, **options).eval()


def multiply_adds(network, *clip_shape):
    """Of convolutions, linear layers and matrix products, and two per element of a batch normalisation."""
    elements = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.register_forward_hook(lambda _module, _inputs, output: elements.append(output.numel()))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, *clip_shape, device="meta"))
    return counter.get_total_flops() // 2, 2 * sum(elements)


def frames_of(arch):
    return 8 if arch == "tpn_r50" else 32


@pytest.mark.parametrize(("arch", "options", "expected", "_"), SIZES)
def test_parameters_are_the_published_ones(arch, options, expected, _):
    assert sum(weight.numel() for weight in on_meta(arch, options).parameters()) == expected


@pytest.mark.parametrize(("arch", "options", "_", "expected"), [size for size in SIZES if size[3]])
def test_multiply_adds_are_the_published_ones_within_one_percent(arch, options, _, expected):
    convolutions, norms = multiply_adds(on_meta(arch, options), frames_of(arch), 256, 256)
    assert (convolutions + norms) / 1e9 == pytest.approx(expected, rel=0.003)
    if arch != "csn":  # whose normalisations are 1.2 % of it
        assert convolutions / 1e9 == pytest.approx(expected, rel=0.01)


def test_r101_differs_from_r50_by_17_blocks():
    """All are bottlenecks of res4, of which every other one looks at three frames: 12 of 23 against 3 of 6."""
    bottleneck = 2 * 1024 * 256 + 9 * 256 * 256 + 2 * (256 + 256 + 1024)
    inflated = 2 * 1024 * 256
    assert 59_108_560 - 35_397_840 == 17 * bottleneck + 9 * inflated


def test_pooling_before_the_projections_is_cheaper():
    """Three quarters of phi and g less: 5 blocks of 2 * 0.537 G each at a crop of 256."""
    after, before = (
        multiply_adds(on_meta("nl_i3d_r50", {"nonlocal_pooled": pooled}), 32, 256, 256)[0]
        for pooled in ("after", "before")
    )
    assert after - before == 5 * 2 * 3 * 512 * 256 * 4096 // 4
