"""
Solver of TV-L1 optical flow (Zach, Pock, Bischof 2007): what OpenCV's DualTVL1OpticalFlow does, much faster.

Pyramid, warps, median filter and stopping rule are OpenCV's, so that flows agree. A primal-dual step is one
compiled pass (numba) over blocks of rows, each block one long vector: borders are a mask and leading zeros,
no special cases. The 5x5 median sorts a column of five once for five windows. Grey levels are in [0, 255].
One thread: jobs run in parallel.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numba as nb
import numpy as np

from ukdlib.flow.tvl1_settings import Settings

f4 = np.float32
FLAT = f4(1.1920929e-07)  # squared gradients below float32's epsilon carry no motion
SMALLEST = 16  # pixels: no pyramid level is smaller
BLOCK = 4096  # pixels: all arrays of a block fit into a second-level cache
# error_model="numpy": a check for division by zero would keep the loops from being vectorised
jit = nb.njit(fastmath=True, nogil=True, error_model="numpy", boundscheck=False, cache=True)


class Work(NamedTuple):
    """Arrays of one pyramid level, reused for every pair of frames; P = H * W pixels."""

    grid: np.ndarray  # (2, H, W) x and y of each pixel
    places: np.ndarray  # (2, H, W) where each pixel of the first frame lies in the second
    warped: np.ndarray  # (3, H, W) second frame there: grey, d/dx, d/dy
    flow: np.ndarray  # (2, H + 1, W) u and v, and a row of zeros
    spare: np.ndarray  # (2, H, W) target of the median filter
    columns: np.ndarray  # (5, W + 4) of the median filter
    data: np.ndarray  # (4, P) d/dx, d/dy, 1 / squared gradient, grey difference at zero flow
    across: np.ndarray  # (2, P + 1) after a zero, duals of d/dx of u and v
    down: np.ndarray  # (2, P + W) after a row of zeros, duals of d/dy of u and v
    has_right: np.ndarray  # (P,) 1 where there is a neighbour to the right, else 0


def flows(frames: np.ndarray, settings: Settings) -> Iterator[np.ndarray]:
    """Flow (H, W, 2) float32 from each frame to the next of uint8 (T, H, W); a view, overwritten by the next."""
    first = pyramid(frames[0], settings)
    work = allocate(first)
    for frame in frames[1:]:
        second = pyramid(frame, settings)
        yield solve(first, second, settings, work).transpose(1, 2, 0)
        first = second


def pyramid(grey: np.ndarray, settings: Settings) -> list[np.ndarray]:
    """Levels (3, H, W) float32, fine to coarse: grey value and its central differences in x and y."""
    images: list[Any] = [grey.astype(f4)]
    for _ in range(1, settings.scales):
        smaller = cv2.resize(images[-1], None, fx=settings.scale_step, fy=settings.scale_step)
        if min(smaller.shape) < SMALLEST:
            break
        images.append(smaller)
    return [_with_gradient(image) for image in images]


def allocate(levels: list[np.ndarray]) -> list[Work]:
    """Working memory for pairs of frames with such pyramids."""
    return [_allocate(*level.shape[1:]) for level in levels]


def solve(
    first: list[np.ndarray], second: list[np.ndarray], settings: Settings, work: list[Work]
) -> np.ndarray:
    """Flow (2, H, W) float32, u then v in pixels: second(x + u, y + v) ~ first(x, y). A view of `work`."""
    flow = None
    for start, end, here in zip(first[::-1], second[::-1], work[::-1], strict=True):
        flow = _start(here, flow, settings)
        for _ in range(settings.warps):
            _warp(start, end, flow, settings, here)
    assert flow is not None
    return flow


def _with_gradient(image: np.ndarray) -> np.ndarray:
    edged = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    across = f4(0.5) * (edged[1:-1, 2:] - edged[1:-1, :-2])
    down = f4(0.5) * (edged[2:, 1:-1] - edged[:-2, 1:-1])
    return np.stack([image, across, down])


def _allocate(height: int, width: int) -> Work:
    def zeros(*shape: int) -> np.ndarray:
        """Float32."""
        return np.zeros(shape, f4)

    pixels = height * width
    x, y = np.meshgrid(np.arange(width, dtype=f4), np.arange(height, dtype=f4))
    return Work(
        grid=np.stack([x, y]),
        places=zeros(2, height, width),
        warped=zeros(3, height, width),
        flow=zeros(2, height + 1, width),
        spare=zeros(2, height, width),
        columns=zeros(5, width + 4),
        data=zeros(4, pixels),
        across=zeros(2, pixels + 1),
        down=zeros(2, pixels + width),
        has_right=(x < width - 1).astype(f4).ravel(),
    )


def _start(here: Work, coarser: np.ndarray | None, settings: Settings) -> np.ndarray:
    """Flow of the coarser level, upscaled; the duals start at zero on each level, though not at each warp."""
    here.across[:] = here.down[:] = 0
    flow = here.flow[:, :-1]
    if coarser is None:
        flow[:] = 0
    else:
        for source, target in zip(coarser, flow, strict=True):
            cv2.resize(source, target.shape[::-1], dst=target)
        flow /= f4(settings.scale_step)
    return flow


def _warp(first: np.ndarray, second: np.ndarray, flow: np.ndarray, settings: Settings, here: Work) -> None:
    """Linearise the grey difference about the current flow, then improve the flow until it converges."""
    np.add(here.grid, flow, out=here.places)
    x, y = cv2.convertMaps(here.places[0], here.places[1], cv2.CV_16SC2)  # once for three images
    for source, target in zip(second, here.warped, strict=True):
        cv2.remap(source, x, y, cv2.INTER_CUBIC, dst=target)
    _linearise(first[0].ravel(), here.warped.reshape(3, -1), here.flow.reshape(2, -1), here.data)
    limit, tightness = f4(settings.data_weight * settings.tightness), f4(settings.tightness)
    dual_step = f4(settings.dual_step / settings.tightness)
    enough = f4(settings.epsilon**2 * first[0].size)
    _minimise(here[3:], limit, tightness, dual_step, enough, settings.outer, settings.inner)


@jit
def _linearise(first, warped, flow, data):
    """data <- gradient of the warped frame, 1 / its square, the grey difference that zero flow would have."""
    for x in range(first.shape[0]):
        gx, gy = warped[1, x], warped[2, x]
        data[0, x] = gx
        data[1, x] = gy
        data[2, x] = f4(1) / max(gx * gx + gy * gy, FLAT)
        data[3, x] = warped[0, x] - gx * flow[0, x] - gy * flow[1, x] - first[x]


@jit
def _minimise(arrays, limit, tightness, dual_step, enough, outer, inner):
    """Median filter and primal-dual steps on the flow until the summed squared update is <= enough."""
    flow, spare, columns, data, across, down, has_right = arrays
    width = flow.shape[2]
    vectors = flow.reshape((2, flow.shape[1] * width))
    change = f4(np.inf)
    for _ in range(outer):
        if change <= enough:
            break
        for component in range(2):
            _median(flow[component, :-1], spare[component], columns)
            flow[component, :-1] = spare[component]
        for _ in range(inner):
            if change <= enough:
                break
            change = _step(vectors, data, across, down, has_right, width, limit, tightness, dual_step)


@jit
def _step(flow, data, across, down, has_right, width, limit, tightness, dual_step):
    """
    One primal-dual step; returns the summed squared update of the flow.

    A row of the flow needs the old duals of its own and the row above, a row of duals the new flow of its own
    and the row below: so the duals are updated one row behind the flow, while all is still in the cache.
    """
    size = has_right.shape[0]
    block = max(BLOCK // width, 1) * width
    change, done = f4(0), 0
    for start in range(0, size, block):
        stop = min(start + block, size)
        change += _primal(flow, data, across, down, start, stop, width, limit, tightness)
        _dual(flow, across, down, has_right, done, stop - width, width, dual_step)
        done = stop - width
    _dual(flow, across, down, has_right, done, size, width, dual_step)
    return change


@jit
def _primal(flow, data, across, down, start, stop, width, limit, tightness):
    """u <- u + thresholded data step + tightness * divergence of the duals, for pixels start .. stop - 1."""
    gx, gy, inverse, rho = data[0, start:stop], data[1, start:stop], data[2, start:stop], data[3, start:stop]
    u, ux = flow[0, start:stop], across[0, start : stop + 1]
    v, vx = flow[1, start:stop], across[1, start : stop + 1]
    uy_above, uy = down[0, start:stop], down[0, start + width : stop + width]
    vy_above, vy = down[1, start:stop], down[1, start + width : stop + width]
    change = f4(0)
    for x in range(stop - start):
        match = min(max(-(rho[x] + gx[x] * u[x] + gy[x] * v[x]) * inverse[x], -limit), limit)
        du = match * gx[x] + tightness * (ux[x + 1] - ux[x] + uy[x] - uy_above[x])
        dv = match * gy[x] + tightness * (vx[x + 1] - vx[x] + vy[x] - vy_above[x])
        u[x] += du
        v[x] += dv
        change += du * du + dv * dv
    return change


@jit
def _dual(flow, across, down, has_right, start, stop, width, dual_step):
    """p <- (p + dual_step * grad u) / (1 + dual_step * |grad u|), the same for v; none across a border."""
    below = width if stop + width < flow.shape[1] else 0  # the last row is its own neighbour below
    right = has_right[start:stop]
    for component in range(2):
        u, u_below = flow[component, start : stop + 1], flow[component, start + below : stop + below]
        px, py = across[component, start + 1 : stop + 1], down[component, start + width : stop + width]
        for x in range(stop - start):
            dx, dy = (u[x + 1] - u[x]) * right[x], u_below[x] - u[x]
            scale = f4(1) / (f4(1) + dual_step * math.sqrt(dx * dx + dy * dy))
            px[x] = (px[x] + dual_step * dx) * scale
            py[x] = (py[x] + dual_step * dy) * scale


@jit
def _median(image, out, columns):
    """
    Exact 5x5 median of (H, W) with replicated border.

    Neighbouring columns are sorted, then the five rows of equal rank. Of such a matrix m the median is the
    middle one of the largest of m[i, 3-i], the median of m[i, 4-i] and the smallest of m[i, 5-i].
    """
    last, width = image.shape[0] - 1, image.shape[1]
    for y in range(last + 1):
        above, below = image[max(y - 1, 0)], image[min(y + 1, last)]
        _sort_columns(image[max(y - 2, 0)], above, image[y], below, image[min(y + 2, last)], columns)
        for rank in range(5):
            columns[rank, 0] = columns[rank, 1] = columns[rank, 2]
            columns[rank, width + 3] = columns[rank, width + 2] = columns[rank, width + 1]
        _median_row(columns[0], columns[1], columns[2], columns[3], columns[4], out[y])


@jit
def _sort_columns(a, b, c, d, e, columns):
    """columns[rank, x + 2] <- the five values at x in ascending order."""
    for x in range(a.shape[0]):
        lowest, low, middle, high, highest = _sort(a[x], b[x], c[x], d[x], e[x])
        columns[0, x + 2] = lowest
        columns[1, x + 2] = low
        columns[2, x + 2] = middle
        columns[3, x + 2] = high
        columns[4, x + 2] = highest


@jit
def _median_row(a, b, c, d, e, out):
    """out[x] <- median of columns x .. x + 4, given their lowest (a) to highest (e) values."""
    for x in range(out.shape[0]):
        _, _, _, a3, a4 = _sort(a[x], a[x + 1], a[x + 2], a[x + 3], a[x + 4])
        _, _, b2, b3, b4 = _sort(b[x], b[x + 1], b[x + 2], b[x + 3], b[x + 4])
        _, c1, c2, c3, _ = _sort(c[x], c[x + 1], c[x + 2], c[x + 3], c[x + 4])
        d0, d1, d2, _, _ = _sort(d[x], d[x + 1], d[x + 2], d[x + 3], d[x + 4])
        e0, e1, _, _, _ = _sort(e[x], e[x + 1], e[x + 2], e[x + 3], e[x + 4])
        low = max(max(a3, b2), max(c1, d0))
        _, _, middle, _, _ = _sort(a4, b3, c2, d1, e0)
        high = min(min(b4, c3), min(d2, e1))
        out[x] = max(min(low, middle), min(max(low, middle), high))


@jit
def _sort(a, b, c, d, e):
    """Five numbers in ascending order; the compiler drops unused parts."""
    a, d = min(a, d), max(a, d)
    b, e = min(b, e), max(b, e)
    a, c = min(a, c), max(a, c)
    b, d = min(b, d), max(b, d)
    a, b = min(a, b), max(a, b)
    c, e = min(c, e), max(c, e)
    b, c = min(b, c), max(b, c)
    d, e = min(d, e), max(d, e)
    c, d = min(c, d), max(c, d)
    return a, b, c, d, e
