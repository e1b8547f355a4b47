"""
Parts that inflated ResNets share: stem, stages of bottlenecks, head.

A bottleneck is pytorchvideo's, so its weights have the names that PySlowFast's and pytorchvideo's published ones
can be mapped to. "Inflated" means that its first convolution looks at three frames (3x1x1) instead of one.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

from torch import nn

from ukdlib.networks.torchvision_import import roi_align_left_out

with roi_align_left_out():
    from pytorchvideo.models.resnet import create_bottleneck_block, create_res_block

EXPANSION = 4  # channels of a bottleneck's output over those inside


def stem(
    in_channels: int, width: int, kernel: Sequence[int], stride: int = 1, pool_stride: int = 1
) -> nn.Module:
    """
    (N, in_channels, T, H, W) -> (N, width, T', H/4, W/4): convolution, then a pool over space.

    kernel: (T, H, W); stride, pool_stride: those in time of the two.
    """
    length, height, breadth = kernel
    padding = (length // 2, height // 2, breadth // 2)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv3d(
                in_channels, width, (length, height, breadth), (stride, 2, 2), padding, bias=False
            ),
            norm=nn.BatchNorm3d(width),
            act=nn.ReLU(),
            pool=nn.MaxPool3d((1, 3, 3), (pool_stride, 2, 2), (0, 1, 1)),
        )
    )


def stage(
    dim_in: int,
    dim_inner: int,
    blocks: int,
    stride: int,
    inflated: Collection[int],
    extra: Callable[[int], nn.Module] | None = None,
    extra_after: Collection[int] = (),
) -> nn.Sequential:
    """
    (N, dim_in, T, H, W) -> (N, 4 dim_inner, T, H/stride, W/stride): a sequence of bottlenecks.

    inflated: numbers, from 0, of the blocks that look at three frames; extra: makes a module for a number of
    channels, one of which follows each block numbered in extra_after.
    """
    dim_out = EXPANSION * dim_inner
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number in range(blocks):
        first = number == 0
        layers[f"block{number}"] = _bottleneck(
            dim_in if first else dim_out, dim_inner, stride if first else 1, 3 if number in inflated else 1
        )
        if extra is not None and number in extra_after:
            layers[f"extra{number}"] = extra(dim_out)
    return nn.Sequential(layers)


def head(features: int, num_classes: int, dropout: float) -> nn.Module:
    """(N, features, T, H, W) -> (N, num_classes): mean over time and space, dropout, one linear layer."""
    return nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool3d(1),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(dropout),
            project=nn.Linear(features, num_classes),
        )
    )


def _bottleneck(dim_in: int, dim_inner: int, stride: int, kernel: int) -> nn.Module:
    return create_res_block(
        dim_in=dim_in,
        dim_inner=dim_inner,
        dim_out=EXPANSION * dim_inner,
        bottleneck=create_bottleneck_block,
        conv_a_kernel_size=(kernel, 1, 1),
        conv_a_stride=(1, 1, 1),
        conv_a_padding=(kernel // 2, 0, 0),
        conv_b_kernel_size=(1, 3, 3),
        conv_b_stride=(1, stride, stride),
        conv_b_padding=(0, 1, 1),
    )
