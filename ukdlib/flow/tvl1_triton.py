"""
The primal-dual steps of TV-L1 as two Triton kernels, 48 and 40 bytes per pixel and step; KERNELS: all of TV-L1.

A converged pair is skipped: the kernels read the summed squared update of the previous step and return, so the host
launches a fixed number of steps and never waits. Runs on a GPU, or with TRITON_INTERPRET=1 on a CPU, for tests.
"""

import torch
import triton
import triton.language as tl

from ukdlib.flow.tvl1_settings import Field, Steps
from ukdlib.flow.tvl1_tensors import Operations
from ukdlib.flow.tvl1_triton_images import sample, smooth

BLOCK = 1024  # pixels per program


def compiled(device: torch.device) -> Operations:
    """KERNELS, after each of them has run once: what Triton lacks to compile them it lacks now."""
    images, flow = torch.zeros(3, 1, 16, 16, device=device), torch.zeros(2, 1, 16, 16, device=device)
    moving, change = torch.ones(1, dtype=torch.bool, device=device), torch.ones(2, 1, device=device)
    gx, gy, rho = KERNELS.sample(images, flow)
    field = Field(gx, gy, gx, rho, KERNELS.smooth(flow, moving), *torch.zeros(2, *flow.shape, device=device))
    KERNELS.step(field, Steps(1.0, 1.0, 1.0, 0.0), change)
    return KERNELS


def triton_steps(field: Field, steps: Steps, change: torch.Tensor) -> None:
    """Primal-dual steps; an operation of ukdlib.flow.tvl1_tensors.Operations."""
    _, pairs, height, width = field.flow.shape
    size = height * width
    grid = (pairs, triton.cdiv(size, BLOCK))
    for number in range(len(change) - 1):
        before, after = change[number], change[number + 1]
        _primal[grid](*field, before, after, pairs * size, size, width, *steps[:2], steps.enough, BLOCK=BLOCK)
        _dual[grid](*field[4:], before, pairs * size, size, width, steps.dual_step, steps.enough, BLOCK=BLOCK)


@triton.jit
def _primal(
    gx, gy, inverse, rho, flow, across, down, before, after, plane, size, width, limit, tightness, enough,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """u <- u + thresholded data step + tightness * divergence of the duals; `after` accumulates the squared update."""
    pair = tl.program_id(0)
    if tl.load(before + pair) > enough:
        pixel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = pixel < size
        place = pair * size + pixel
        has_left, has_above = inside & (pixel % width > 0), inside & (pixel >= width)
        gx_here = tl.load(gx + place, mask=inside, other=0.0)
        gy_here = tl.load(gy + place, mask=inside, other=0.0)
        u = tl.load(flow + place, mask=inside, other=0.0)
        v = tl.load(flow + plane + place, mask=inside, other=0.0)
        match = -(tl.load(rho + place, mask=inside, other=0.0) + gx_here * u + gy_here * v)
        match = match * tl.load(inverse + place, mask=inside, other=0.0)
        match = tl.minimum(tl.maximum(match, -limit), limit)
        div_u = (
            tl.load(across + place, mask=inside, other=0.0)
            - tl.load(across + place - 1, mask=has_left, other=0.0)
            + tl.load(down + place, mask=inside, other=0.0)
            - tl.load(down + place - width, mask=has_above, other=0.0)
        )
        other = plane + place
        div_v = (
            tl.load(across + other, mask=inside, other=0.0)
            - tl.load(across + other - 1, mask=has_left, other=0.0)
            + tl.load(down + other, mask=inside, other=0.0)
            - tl.load(down + other - width, mask=has_above, other=0.0)
        )
        du, dv = match * gx_here + tightness * div_u, match * gy_here + tightness * div_v
        tl.store(flow + place, u + du, mask=inside)
        tl.store(flow + other, v + dv, mask=inside)
        tl.atomic_add(after + pair, tl.sum(tl.where(inside, du * du + dv * dv, 0.0), axis=0))


@triton.jit
def _dual(flow, across, down, before, plane, size, width, dual_step, enough, BLOCK: tl.constexpr):
    """p <- (p + dual_step * grad u) / (1 + dual_step * |grad u|), the same for v; none across a border."""
    pair = tl.program_id(0)
    if tl.load(before + pair) > enough:
        pixel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = pixel < size
        has_right, has_below = inside & (pixel % width < width - 1), inside & (pixel < size - width)
        for component in tl.static_range(2):
            place = component * plane + pair * size + pixel
            here = tl.load(flow + place, mask=inside, other=0.0)
            dx = tl.where(has_right, tl.load(flow + place + 1, mask=has_right, other=0.0) - here, 0.0)
            dy = tl.where(has_below, tl.load(flow + place + width, mask=has_below, other=0.0) - here, 0.0)
            scale = 1.0 / (1.0 + dual_step * tl.sqrt(dx * dx + dy * dy))
            px = tl.load(across + place, mask=inside, other=0.0)
            py = tl.load(down + place, mask=inside, other=0.0)
            tl.store(across + place, (px + dual_step * dx) * scale, mask=inside)
            tl.store(down + place, (py + dual_step * dy) * scale, mask=inside)


KERNELS = Operations(sample, smooth, triton_steps)
