"""
I3D ResNet with non-local blocks (Wang et al., Non-local Neural Networks, CVPR 2018).

I3D: a ResNet whose bottlenecks look at three frames (3x1x1) in all blocks of res2, in every other block of res3
and res4 (0, 2, 4, ...) and of res5 (1). Three strides of 2 in time (stem, its pool, a pool after res2) leave 4 of
32 frames. Non-local: a weighted mean over all positions, pooled 1x2x2, is added to every position of res3 and res4.
Where the blocks are, numbered from 0:

    R50    res3 after 1, 3; res4 after 1, 3, 5      (paper; PySlowFast's and MMAction2's configurations)
    R101   res3 after 1, 3; res4 after 6, 13, 20    (the authors' code, resnet_video.py: every 7th of 23)

PySlowFast's I3D_NLN_8x8_R101.yaml keeps 1, 3, 5 in res4 of R101; `nonlocal_res4` says which. Its 8x8 networks
take every frame in the stem: `stem_stride` and `pool_stride` 1. The paper, the authors' code and PySlowFast pool before
phi and g, MMAction2 pools after them, which costs four times as much there and is another function.
`nl_i3d_r50` follows MMAction2, which has the public weights for 32 frames 2 apart, `nl_i3d_r101` the authors.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from ukdlib.networks.presets import preset
from ukdlib.networks.resnet3d import EXPANSION, head, stage, stem

MODES = ("embedded_gaussian", "dot_product", "gaussian")
POOLED = ("before", "after")  # the projections phi and g


class NonLocal(nn.Module):
    """
    x + norm(out(weighted mean of g(x))), the weights being affinities of theta(x) and phi(x) (Eq. 1, 6).

    embedded_gaussian: softmax of theta . phi (Eq. 3); dot_product: theta . phi over the number of positions
    (Eq. 4); gaussian: softmax of x . x (Eq. 2), without theta and phi. scaled: divide by the square root of
    the channels before the softmax (PySlowFast and the authors' code do, MMAction2 does not); pooled: before or
    after phi and g. `out` has no bias, since a batch normalisation follows; its weight of 0 makes a new block
    the identity.
    """

    def __init__(self, channels: int, mode: str, scaled: bool, pooled: str):
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"nl_i3d: unknown nonlocal_mode {mode!r}; known: {list(MODES)}")
        if pooled not in POOLED:
            raise ValueError(f"nl_i3d: unknown nonlocal_pooled {pooled!r}; known: {list(POOLED)}")
        inner = channels // 2
        self.mode, self.scaled, self.pooled_before = mode, scaled, pooled == "before"
        if mode != "gaussian":
            self.theta, self.phi = (nn.Conv3d(channels, inner, 1) for _ in range(2))
        self.g = nn.Conv3d(channels, inner, 1)
        self.out = nn.Conv3d(inner, channels, 1, bias=False)
        self.norm = nn.BatchNorm3d(channels)
        self.pool = nn.MaxPool3d((1, 2, 2))
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, T, H, W) -> the same shape."""
        values = self._pooled(self.g, x)
        query, key = (
            (x, self.pool(x)) if self.mode == "gaussian" else (self.theta(x), self._pooled(self.phi, x))
        )
        affinity = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # (N, THW, THW/4)
        if self.mode == "dot_product":
            affinity = affinity / affinity.shape[2]
        else:
            scale = query.shape[1] ** -0.5 if self.scaled else 1.0
            affinity = (affinity * scale).softmax(dim=2)
        mean = affinity @ values.flatten(2).transpose(1, 2)  # (N, THW, C/2)
        mean = mean.transpose(1, 2).reshape(x.shape[0], -1, *x.shape[2:])
        return x + self.norm(self.out(mean))

    def _pooled(self, project: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return project(self.pool(x)) if self.pooled_before else self.pool(project(x))


def nl_i3d(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    width: int = 64,
    blocks: Sequence[int] = (3, 4, 6, 3),
    nonlocal_res3: Sequence[int] = (1, 3),
    nonlocal_res4: Sequence[int] = (1, 3, 5),
    nonlocal_mode: str = "embedded_gaussian",
    nonlocal_scaled: bool = False,
    nonlocal_pooled: str = "before",
    stem_kernel: Sequence[int] = (5, 7, 7),
    stem_stride: int = 2,
    pool_stride: int = 2,
    dropout: float = 0.5,
) -> nn.Module:
    """
    Non-local I3D of any size; clips (N, in_channels, T, H, W), H and W at least 32.

    frames: T of the clip; width: channels of the stem; blocks: bottlenecks in res2 to res5; nonlocal_res3,
    nonlocal_res4: blocks that a non-local one follows, none for plain I3D; stem_stride, pool_stride: strides in
    time of the stem and its pool (a third, of 2, follows res2).
    """
    if frames < 2 * stem_stride * pool_stride:
        raise ValueError(f"nl_i3d: {frames} frames are fewer than its strides in time need together")
    _check_blocks("res3", nonlocal_res3, blocks[1])
    _check_blocks("res4", nonlocal_res4, blocks[2])

    block = partial(NonLocal, mode=nonlocal_mode, scaled=nonlocal_scaled, pooled=nonlocal_pooled)
    out = EXPANSION * width
    alternate = [range(0, count, 2) for count in blocks]
    return nn.Sequential(
        OrderedDict(
            stem=stem(in_channels, width, stem_kernel, stem_stride, pool_stride),
            res2=stage(width, width, blocks[0], 1, range(blocks[0])),
            pool2=nn.MaxPool3d((2, 1, 1)),
            res3=stage(out, 2 * width, blocks[1], 2, alternate[1], block, nonlocal_res3),
            res4=stage(2 * out, 4 * width, blocks[2], 2, alternate[2], block, nonlocal_res4),
            res5=stage(4 * out, 8 * width, blocks[3], 2, range(1, blocks[3], 2)),
            head=head(8 * out, num_classes, dropout),
        )
    )


def _check_blocks(name: str, after: Sequence[int], count: int) -> None:
    """Non-local blocks must follow existing blocks."""
    if beyond := [number for number in after if not 0 <= number < count]:
        raise ValueError(f"nl_i3d: nonlocal_{name} names {beyond}; {name} has blocks 0 to {count - 1}")


OPEN = ("frames", "nonlocal_mode", "nonlocal_scaled", "nonlocal_pooled", "dropout")

# On 32 frames 2 apart: five non-local blocks, two in res3 and three in res4.
nl_i3d_r50 = preset(nl_i3d, OPEN, frames=32, nonlocal_pooled="after")

# On 32 frames 2 apart: two non-local blocks in res3 and three among res4's 23 blocks.
nl_i3d_r101 = preset(
    nl_i3d,
    [*OPEN, "nonlocal_res4"],
    frames=32,
    blocks=(3, 4, 23, 3),
    nonlocal_res4=(6, 13, 20),
    nonlocal_scaled=True,
)
