"""
The names of our weights in files of MMAction2, PySlowFast and pytorchvideo.

Each naming is a list of (pattern, replacement), applied in turn to our name; every rule that matches is used.
Networks: SlowFast, (non-local) I3D, ir-CSN and TPN. Sources: mmaction/models (1.2), slowfast/models.
"""

import re
from collections.abc import Callable

import torch

Rules = list[tuple[str, str]]

BLOCK = r"\.(?:res_blocks\.|block)(\d+)\."  # pytorchvideo's bottlenecks, and ours in resnet3d
_MM_PARTS: Rules = [  # inside a bottleneck
    (r"branch1_conv", "downsample.conv"),
    (r"branch1_norm", "downsample.bn"),
    (r"branch2\.conv_a", "conv1.conv"),
    (r"branch2\.norm_a", "conv1.bn"),
    (r"branch2\.conv_b", "conv2.conv"),
    (r"branch2\.norm_b", "conv2.bn"),
    (r"branch2\.conv_c", "conv3.conv"),
    (r"branch2\.norm_c", "conv3.bn"),
]
_MM_NONLOCAL: Rules = [
    (r"(non_local_block)\.(theta|phi|g)\.", r"\1.\2.conv."),
    (r"(non_local_block)\.(phi|g)\.conv", r"\1.\2.0.conv"),  # followed by a pool
    (r"(non_local_block)\.out\.", r"\1.conv_out.conv."),
    (r"(non_local_block)\.norm\.", r"\1.conv_out.bn."),
]
_MM_NECK: Rules = [
    (r"^neck\.spatial\.conv", "neck.spatial_modulation.spatial_modulation.0.0.conv"),
    (r"^neck\.spatial\.norm", "neck.spatial_modulation.spatial_modulation.0.0.bn"),
    (r"^neck\.temporal\.(\d)\.conv", r"neck.temporal_modulation_ops.\1.conv.conv"),
    (r"^neck\.upwards\.", "neck.downsample_ops.0.conv.conv."),
    (r"^neck\.top_down\.", "neck.level_fusion_1."),
    (r"^neck\.bottom_up\.", "neck.level_fusion_2."),
    (r"\.levels\.(\d)\.conv", r".downsamples.\1.conv.conv"),
    (r"\.levels\.(\d)\.norm", r".downsamples.\1.conv.bn"),
    (r"(level_fusion_\d)\.fusion\.conv", r"\1.fusion_conv.conv"),
    (r"(level_fusion_\d)\.fusion\.norm", r"\1.fusion_conv.bn"),
    (r"^neck\.fusion\.conv", "neck.pyramid_fusion.conv"),
    (r"^neck\.fusion\.norm", "neck.pyramid_fusion.bn"),
]
_MM: Rules = [
    *_MM_PARTS,
    # SlowFast: two pathways, lateral convolutions
    (r"^network\.blocks\.0\.multipathway_fusion\.conv_fast_to_slow", "backbone.slow_path.conv1_lateral.conv"),
    (
        r"^network\.blocks\.(\d)\.multipathway_fusion\.conv_fast_to_slow",
        r"backbone.slow_path.layer\1_lateral.conv",
    ),
    (r"^network\.blocks\.0\.multipathway_blocks\.(\d)\.conv", r"backbone.path\1.conv1.conv"),
    (r"^network\.blocks\.0\.multipathway_blocks\.(\d)\.norm", r"backbone.path\1.conv1.bn"),
    (r"^network\.blocks\.(\d)\.multipathway_blocks\.(\d)" + BLOCK, r"backbone.path\2.layer\1.\3."),
    (r"\.path0\.", ".slow_path."),
    (r"\.path1\.", ".fast_path."),
    # ir-CSN, whose second convolution is a sequence of one
    (r"^blocks\.0\.conv", "backbone.conv1.conv"),
    (r"^blocks\.0\.norm", "backbone.conv1.bn"),
    (r"^blocks\.(\d)" + BLOCK + r"conv2\.", r"backbone.layer\1.\2.conv2.0."),
    (r"^blocks\.(\d)" + BLOCK, r"backbone.layer\1.\2."),
    # ResNets of ours: I3D and TPN's backbone; layer1 is res2
    (r"^(?:lower\.)?stem\.conv", "backbone.conv1.conv"),
    (r"^(?:lower\.)?stem\.norm", "backbone.conv1.bn"),
    (r"^(?:lower\.)?res2\.", "backbone.layer1."),
    (r"^(?:lower\.)?res3\.", "backbone.layer2."),
    (r"^(?:lower\.)?res4\.", "backbone.layer3."),
    (r"^(?:lower\.)?res5\.", "backbone.layer4."),
    (r"^(backbone\.layer\d)\.block(\d+)\.", r"\1.\2."),
    (r"^(backbone\.layer\d)\.extra(\d+)\.", r"\1.\2.non_local_block."),
    *_MM_NONLOCAL,
    *_MM_NECK,
    (r"^(?:network\.blocks\.6\.proj|blocks\.5\.proj|head\.project)\.", "cls_head.fc_cls."),
]
_PYSLOWFAST: Rules = [
    (r"branch1_norm", "branch1_bn"),
    (r"branch1_conv", "branch1"),
    (r"branch2\.norm_([abc])", r"branch2.\1_bn"),
    (r"branch2\.conv_([abc])", r"branch2.\1"),
    (r"^(?:network\.)?blocks\.(\d)\.", lambda match: f"s{int(match[1]) + 1}."),  # type: ignore[list-item]
    (r"^s1\.(conv|norm)\.", r"s1.pathway0_stem.\1."),
    (r"^s1\.multipathway_blocks\.(\d)\.", r"s1.pathway\1_stem."),
    (r"^s(\d)\.multipathway_fusion\.conv_fast_to_slow", r"s\1_fuse.conv_f2s"),
    (r"^s(\d)\.multipathway_fusion\.norm", r"s\1_fuse.bn"),
    (r"^s(\d)\.multipathway_blocks\.(\d)\.res_blocks\.(\d+)\.", r"s\1.pathway\2_res\3."),
    (r"^s(\d)\.res_blocks\.(\d+)\.", r"s\1.pathway0_res\2."),
    (r"^stem\.", "s1.pathway0_stem."),
    (r"^res(\d)\.block(\d+)\.", r"s\1.pathway0_res\2."),
    (r"^res(\d)\.extra(\d+)\.(theta|phi|g|out)\.", r"s\1.pathway0_nonlocal\2.conv_\3."),
    (r"^res(\d)\.extra(\d+)\.norm\.", r"s\1.pathway0_nonlocal\2.bn."),
    (r"_stem\.norm\.", "_stem.bn."),
    (r"^(?:s[67]\.proj|head\.project)\.", "head.projection."),
]
RULES: dict[str, Rules] = {
    "ukd": [],
    "pytorchvideo": [(r"^network\.", "")],
    "huggingface": [  # VideoMAE's files keep two biases under names of their own
        (r"^network\.", ""),
        (r"^(videomae\..*attention)\.query\.bias$", r"\1.q_bias"),
        (r"^(videomae\..*attention)\.value\.bias$", r"\1.v_bias"),
    ],
    "mmaction2": _MM,
    "pyslowfast": _PYSLOWFAST,
}


def foreign_name(name: str, naming: str) -> str:
    """The foreign name of the weight `name` of a network of ours; naming: a key of RULES."""
    if naming not in RULES:
        raise ValueError(f"weights: unknown naming {naming!r}; known: {sorted(RULES)}")
    for pattern, replacement in RULES[naming]:
        name = re.sub(pattern, replacement, name)
    return name


def _slow_first(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """MMAction2's SlowFast head takes the fast pathway's features first, ours the slow one's."""
    fast = weights.get("backbone.fast_path.layer4.0.downsample.conv.weight")
    head = weights.get("cls_head.fc_cls.weight")
    if fast is None or head is None:
        return weights
    return {**weights, "cls_head.fc_cls.weight": head.roll(-fast.shape[0], dims=1)}


def _without_bias(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """
    PySlowFast's non-local blocks add a bias before a batch normalisation, ours do not need one.

    In evaluation norm(x + bias) is the norm of x with the running mean lowered by bias; in training the bias
    cancels.
    """
    changed = dict(weights)
    for name in [name for name in weights if re.search(r"_nonlocal\d+\.conv_out\.bias$", name)]:
        mean = name.replace("conv_out.bias", "bn.running_mean")
        if mean in changed:
            changed[mean] = changed[mean] - changed.pop(name)
    return changed


REARRANGE: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]] = {
    "mmaction2": _slow_first,
    "pyslowfast": _without_bias,
}


def rearranged(weights: dict[str, torch.Tensor], naming: str) -> dict[str, torch.Tensor]:
    """The weights of a file as our networks use them; names stay the file's."""
    return REARRANGE[naming](weights) if naming in REARRANGE else weights
