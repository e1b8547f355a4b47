"""
Names of all weights of the paper's networks in files of MMAction2 (1.2) and PySlowFast, written from their classes.

Written independently of ukdlib.pretrained.naming, by the order in which those libraries build their modules.
"""

from collections.abc import Iterator

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
R50, R101, R152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)


def mmaction2(arch: str) -> set[str]:
    """Weights of a recogniser: backbone, neck, head; without TPN's auxiliary head, which is for training only."""
    makers = {
        "slowfast_r50_4x16": _mm_slowfast,
        "nl_i3d_r50": lambda: _mm_resnet("backbone", R50, nonlocal_after={2: (1, 3), 3: (1, 3, 5)}),
        "ir_csn_r152": lambda: _mm_resnet("backbone", R152, conv2="conv2.0"),
        "tpn_r50": lambda: [*_mm_resnet("backbone", R50), *_mm_neck()],
    }
    return {*makers[arch](), "cls_head.fc_cls.weight", "cls_head.fc_cls.bias"}


def pyslowfast(arch: str) -> set[str]:
    """Weights of SlowFastModel or ResNetModel."""
    if arch == "slowfast_r50_4x16":
        names = [*_ps_resnet(R50, pathway=0), *_ps_resnet(R50, pathway=1)]
        for stage in (1, 2, 3, 4):
            names += [f"s{stage}_fuse.conv_f2s.weight", *_norm(f"s{stage}_fuse.bn")]
    else:
        depth = {"nl_i3d_r50": R50, "nl_i3d_r101": R101}[arch]
        after = {3: (1, 3), 4: (1, 3, 5) if depth is R50 else (6, 13, 20)}
        names = [*_ps_resnet(depth, pathway=0, nonlocal_after=after)]
    return {*names, "head.projection.weight", "head.projection.bias"}


def _norm(place: str) -> list[str]:
    return [f"{place}.{name}" for name in NORM]


def _conv_module(place: str, norm: bool = True) -> list[str]:
    """mmcv.cnn.ConvModule: a convolution, without bias if a normalisation follows."""
    return [f"{place}.conv.weight", *(_norm(f"{place}.bn") if norm else [])]


def _mm_resnet(place: str, depth, conv2: str = "conv2", nonlocal_after: dict | None = None) -> Iterator[str]:
    yield from _conv_module(f"{place}.conv1")
    for layer, blocks in enumerate(depth, start=1):
        for block in range(blocks):
            here = f"{place}.layer{layer}.{block}"
            for part in ("conv1", conv2, "conv3", *(["downsample"] if block == 0 else [])):
                yield from _conv_module(f"{here}.{part}")
            if block in (nonlocal_after or {}).get(layer, ()):
                for part in ("theta", "phi.0", "g.0"):
                    yield from (f"{here}.non_local_block.{part}.conv.{kind}" for kind in ("weight", "bias"))
                yield from _conv_module(f"{here}.non_local_block.conv_out")


def _mm_slowfast() -> Iterator[str]:
    yield from _mm_resnet("backbone.slow_path", R50)
    yield from _mm_resnet("backbone.fast_path", R50)
    for lateral in ("conv1", "layer1", "layer2", "layer3"):
        yield from _conv_module(f"backbone.slow_path.{lateral}_lateral", norm=False)


def _mm_neck() -> Iterator[str]:
    yield from _conv_module("neck.spatial_modulation.spatial_modulation.0.0")
    for level in (0, 1):
        yield from _conv_module(f"neck.temporal_modulation_ops.{level}.conv", norm=False)
    yield from _conv_module("neck.downsample_ops.0.conv", norm=False)
    for flow in ("level_fusion_1", "level_fusion_2"):
        for level in (0, 1):
            yield from _conv_module(f"neck.{flow}.downsamples.{level}.conv")
        yield from _conv_module(f"neck.{flow}.fusion_conv")
    yield from _conv_module("neck.pyramid_fusion")


def _ps_resnet(depth, pathway: int, nonlocal_after: dict | None = None) -> Iterator[str]:
    yield from [f"s1.pathway{pathway}_stem.conv.weight", *_norm(f"s1.pathway{pathway}_stem.bn")]
    for stage, blocks in enumerate(depth, start=2):
        for block in range(blocks):
            here = f"s{stage}.pathway{pathway}_res{block}"
            if block == 0:
                yield from [f"{here}.branch1.weight", *_norm(f"{here}.branch1_bn")]
            for part in "abc":
                yield from [f"{here}.branch2.{part}.weight", *_norm(f"{here}.branch2.{part}_bn")]
            if block in (nonlocal_after or {}).get(stage, ()):
                here = f"s{stage}.pathway{pathway}_nonlocal{block}"
                for part in ("conv_theta", "conv_phi", "conv_g", "conv_out"):
                    yield from (f"{here}.{part}.{kind}" for kind in ("weight", "bias"))
                yield from _norm(f"{here}.bn")
