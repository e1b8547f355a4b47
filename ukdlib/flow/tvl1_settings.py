"""Parameters of TV-L1 optical flow (Zach, Pock, Bischof 2007), the presets, and data passed between solvers."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class Settings(NamedTuple):
    """The defaults are OpenCV's."""

    dual_step: float = 0.25
    data_weight: float = 0.15  # lambda, per grey level
    tightness: float = 0.3  # theta: how closely the smooth flow follows the one that matches grey levels
    scales: int = 5
    scale_step: float = 0.8
    warps: int = 5
    outer: int = 10  # times the flow is median-filtered per warp
    inner: int = 30  # primal-dual steps between two of them
    epsilon: float = 0.01  # pixels: a warp ends when the root mean square update falls below


PRESETS: dict[str, Settings] = {
    "opencv": Settings(),  # agrees with OpenCV's DualTVL1OpticalFlow
    "fast": Settings(warps=2, outer=1),  # 2-4 times as fast, no worse on noisy frames: benchmarks/flow.py
}


class Field(NamedTuple):
    """Data of the steps of one warp; B pairs, arrays of (B, H, W) float32 unless stated."""

    gx: "torch.Tensor"
    gy: "torch.Tensor"
    inverse: "torch.Tensor"  # 1 / squared gradient
    rho: "torch.Tensor"  # grey difference at zero flow
    flow: "torch.Tensor"  # (2, B, H, W) u and v, changed in place
    across: "torch.Tensor"  # (2, B, H, W) duals of d/dx of u and v, changed in place
    down: "torch.Tensor"  # (2, B, H, W) duals of d/dy


class Steps(NamedTuple):
    """Numbers of a primal-dual step; `enough`: summed squared update at which a pair has converged."""

    limit: float
    tightness: float
    dual_step: float
    enough: float
