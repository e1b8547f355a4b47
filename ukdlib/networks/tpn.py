"""
Temporal Pyramid Network (Yang et al., CVPR 2020) on a SlowOnly ResNet.

The backbone looks at frames 8 apart and inflates res4 and res5 only. The neck takes the maps of res4 and res5:
spatial modulation brings both to one size, temporal modulation lets each change its rate (3x1x1, then a pool over
8 frames), a top-down and a bottom-up flow add them up, and both flows are fused. The flow is the authors' cascade
(decisionforce/TPN: the bottom-up flow starts from the maps that the top-down flow has changed).

A deliberate difference: the authors train with an auxiliary head on res4 (19.7 M parameters, weight 0.5) that is
discarded afterwards. Here a network has one output, so there is none, not even in training.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from ukdlib.networks.presets import preset
from ukdlib.networks.resnet3d import EXPANSION, head, stage, stem

RATES = (8, 8)  # frames that temporal modulation pools, of res4 and res5


class TemporalPyramid(nn.Module):
    """Maps of res4 (N, C, T, H, W) and res5 (N, 2C, T, H/2, W/2) -> (N, 2C, T/8, H/2, W/2)."""

    def __init__(self, low: int, high: int, groups: int):
        super().__init__()
        self.spatial = _conv(low, high, (1, 3, 3), stride=2)
        self.temporal = nn.ModuleList(
            nn.Sequential(
                OrderedDict(
                    conv=nn.Conv3d(high, low, (3, 1, 1), padding=(1, 0, 0), groups=groups, bias=False),
                    pool=nn.MaxPool3d((rate, 1, 1), ceil_mode=True),
                )
            )
            for rate in RATES
        )
        self.upwards = nn.Conv3d(low, low, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.top_down = LevelFusion(low, high, groups)
        self.bottom_up = LevelFusion(low, high, groups)
        self.fusion = _conv(2 * high, high, (1, 1, 1))

    def forward(self, res4: torch.Tensor, res5: torch.Tensor) -> torch.Tensor:
        """The fused pyramid of two levels, whose rates are equal: going up or down a level needs no scaling."""
        low, high = (
            modulate(x) for modulate, x in zip(self.temporal, (self.spatial(res4), res5), strict=True)
        )
        low = low + high
        downwards = self.top_down(low, high)
        upwards = self.bottom_up(low, high + self.upwards(low))
        return self.fusion(torch.cat([downwards, upwards], dim=1))


class LevelFusion(nn.Module):
    """Two maps (N, C, T, H, W) -> (N, out, T, H, W): each through its own 1x1x1 layer, then a common one."""

    def __init__(self, channels: int, out: int, groups: int):
        super().__init__()
        self.levels = nn.ModuleList(_conv(channels, channels, (1, 1, 1), groups=groups) for _ in RATES)
        self.fusion = _conv(len(RATES) * channels, out, (1, 1, 1))

    def forward(self, *levels: torch.Tensor) -> torch.Tensor:
        """One map per level -> the fused one."""
        return self.fusion(torch.cat([layer(x) for layer, x in zip(self.levels, levels, strict=True)], dim=1))


class TPN(nn.Module):
    """Backbone to res4 and res5, neck, head."""

    def __init__(self, lower: nn.Module, res5: nn.Module, neck: nn.Module, classify: nn.Module):
        super().__init__()
        self.lower, self.res5, self.neck, self.head = lower, res5, neck, classify

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """clip: (N, C, T, H, W) -> (N, classes)."""
        res4 = self.lower(clip)
        return self.head(self.neck(res4, self.res5(res4)))


def tpn(
    num_classes: int,
    in_channels: int,
    *,
    frames: int,
    width: int = 64,
    blocks: Sequence[int] = (3, 4, 6, 3),
    groups: int = 32,
    dropout: float = 0.5,
) -> nn.Module:
    """
    TPN of any size; clips (N, in_channels, T, H, W), H and W at least 32.

    frames: T of the clip; width: channels of the stem; blocks: bottlenecks in res2 to res5; groups: of the
    neck's grouped convolutions.
    """
    low, high = 4 * EXPANSION * width, 8 * EXPANSION * width
    if frames < 1:
        raise ValueError(f"tpn: frames is {frames}; it must be at least 1")
    if low % groups:
        raise ValueError(f"tpn: groups {groups} do not divide the neck's {low} channels (16 times width)")
    lower = nn.Sequential(
        OrderedDict(
            stem=stem(in_channels, width, (1, 7, 7)),
            res2=stage(width, width, blocks[0], 1, ()),
            res3=stage(EXPANSION * width, 2 * width, blocks[1], 2, ()),
            res4=stage(2 * EXPANSION * width, 4 * width, blocks[2], 2, range(blocks[2])),
        )
    )
    res5 = stage(low, 8 * width, blocks[3], 2, range(blocks[3]))
    return TPN(lower, res5, TemporalPyramid(low, high, groups), head(high, num_classes, dropout))


tpn_r50 = preset(tpn, ("frames", "dropout"), frames=8)  # the paper's: SlowOnly R50 on 8 frames 8 apart


def _conv(
    channels: int, out: int, kernel: tuple[int, int, int], stride: int = 1, groups: int = 1
) -> nn.Module:
    """Convolution, normalisation, ReLU; stride: in space."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv3d(channels, out, kernel, (1, stride, stride), padding, groups=groups, bias=False),
            norm=nn.BatchNorm3d(out),
            act=nn.ReLU(),
        )
    )
