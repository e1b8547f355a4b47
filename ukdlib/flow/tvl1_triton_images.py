"""
Warp and median filter of TV-L1 as Triton kernels, one pass each: 32 and 16 bytes of main memory per pixel.

Bytes are those of every value read once and written once, as a cache gives the 16 taps of a pixel and the 25 of a
window to its neighbours, too. What they compute is in ukdlib.flow.tvl1_tensors. They run on a GPU, or with
TRITON_INTERPRET=1 on a CPU, for tests.
"""

import torch
import triton
import triton.language as tl

from ukdlib.flow.tvl1_tensors import SUBPIXEL

BLOCK = 256  # pixels per program; a thread of its 128 holds two windows of 25 values
WHOLE = (
    1.5 * 2**23
)  # added and taken away, it leaves a float32 below 2 ** 22 rounded, halves to the even number


def sample(images: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Three images (3, B, H, W) where the flow (2, B, H, W) points to; as tvl1_tensors.sample."""
    if len(images) != 3:
        raise ValueError(
            f"the kernel warps an image and its two gradients together, not {len(images)} images"
        )
    images, flow, out = images.contiguous(), flow.contiguous(), torch.empty_like(images)
    _, pairs, height, width = images.shape
    blocks = triton.cdiv(height * width, BLOCK)
    shape = pairs * height * width, height, width
    _sample[(blocks, pairs)](images, flow, out, *shape, SUBPIXEL=SUBPIXEL, WHOLE=WHOLE, BLOCK=BLOCK)
    return out


def smooth(flow: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
    """The 5x5 median of pairs that are moving, other pairs as they are; as tvl1_tensors.smooth."""
    out = torch.empty_like(flow)
    _, pairs, height, width = flow.shape
    blocks = triton.cdiv(height * width, BLOCK)
    _smooth[(blocks, pairs)](flow, moving, out, pairs * height * width, height, width, BLOCK=BLOCK)
    return out


@triton.jit
def _sample(
    images, flow, out, plane, height, width,
    SUBPIXEL: tl.constexpr, WHOLE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out <- image, d/dx and d/dy, each a plane, by bicubic interpolation; zero outside."""
    start = tl.program_id(1) * height * width
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    within = pixel < height * width
    u = tl.load(flow + start + pixel, mask=within, other=0.0)
    v = tl.load(flow + plane + start + pixel, mask=within, other=0.0)
    low_x, weights_x = _taps((pixel % width).to(tl.float32) + u, SUBPIXEL, WHOLE)
    low_y, weights_y = _taps((pixel // width).to(tl.float32) + v, SUBPIXEL, WHOLE)
    grey = tl.zeros([BLOCK], tl.float32)
    across, down = grey, grey
    for row in tl.static_range(4):
        for column in tl.static_range(4):
            y, x = low_y + (row - 1), low_x + (column - 1)
            inside = within & (y >= 0) & (y < height) & (x >= 0) & (x < width)
            weight = weights_y[row] * weights_x[column]
            place = images + start + y * width + x
            grey += tl.load(place, mask=inside, other=0.0) * weight
            across += tl.load(place + plane, mask=inside, other=0.0) * weight
            down += tl.load(place + 2 * plane, mask=inside, other=0.0) * weight
    here = out + start + pixel
    tl.store(here, grey, mask=within)
    tl.store(here + plane, across, mask=within)
    tl.store(here + 2 * plane, down, mask=within)


@triton.jit
def _taps(place, SUBPIXEL: tl.constexpr, WHOLE: tl.constexpr):
    """(pixel below each position, weights of the four pixels around it): tvl1_tensors._taps."""
    place = ((place * SUBPIXEL + WHOLE) - WHOLE) / SUBPIXEL
    low = tl.floor(place)
    t = place - low
    first = ((-0.75 * (t + 1) + 3.75) * (t + 1) - 6) * (t + 1) + 3
    second = (1.25 * t - 2.25) * t * t + 1
    third = (1.25 * (1 - t) - 2.25) * (1 - t) * (1 - t) + 1
    return low.to(tl.int32), (first, second, third, 1 - first - second - third)


@triton.jit
def _smooth(flow, moving, out, plane, height, width, BLOCK: tl.constexpr):
    """out <- median of each 5x5 window of u and of v, border replicated; what does not move is copied."""
    pair = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < height * width
    moves = tl.load(moving + pair) != 0
    for component in tl.static_range(2):
        image = component * plane + pair * height * width
        if moves:
            value = _median(flow + image, pixel, inside, height, width)
        else:
            value = tl.load(flow + image + pixel, mask=inside, other=0.0)
        tl.store(out + image + pixel, value, mask=inside)


@triton.jit
def _median(image, pixel, inside, height, width):
    """
    Median of the 25 values around each pixel by exchanges alone, hence exact.

    The columns of a window are sorted, then the five rows of equal rank. Of such a matrix m the median is the middle
    one of the largest of m[i, 3-i], the median of m[i, 4-i] and the smallest of m[i, 5-i].
    """
    a0, b0, c0, d0, e0 = _column(image, pixel, -2, inside, height, width)
    a1, b1, c1, d1, e1 = _column(image, pixel, -1, inside, height, width)
    a2, b2, c2, d2, e2 = _column(image, pixel, 0, inside, height, width)
    a3, b3, c3, d3, e3 = _column(image, pixel, 1, inside, height, width)
    a4, b4, c4, d4, e4 = _column(image, pixel, 2, inside, height, width)
    _, _, _, a3, a4 = _sort(a0, a1, a2, a3, a4)
    _, _, b2, b3, b4 = _sort(b0, b1, b2, b3, b4)
    _, c1, c2, c3, _ = _sort(c0, c1, c2, c3, c4)
    d0, d1, d2, _, _ = _sort(d0, d1, d2, d3, d4)
    e0, e1, _, _, _ = _sort(e0, e1, e2, e3, e4)
    low = tl.maximum(tl.maximum(a3, b2), tl.maximum(c1, d0))
    _, _, middle, _, _ = _sort(a4, b3, c2, d1, e0)
    high = tl.minimum(tl.minimum(b4, c3), tl.minimum(d2, e1))
    return tl.maximum(tl.minimum(low, middle), tl.minimum(tl.maximum(low, middle), high))


@triton.jit
def _column(image, pixel, aside: tl.constexpr, inside, height, width):
    """The five values above and below each pixel, in the column `aside` of its own, in ascending order."""
    y, x = pixel // width, tl.minimum(tl.maximum(pixel % width + aside, 0), width - 1)
    top = tl.load(image + tl.maximum(y - 2, 0) * width + x, mask=inside, other=0.0)
    above = tl.load(image + tl.maximum(y - 1, 0) * width + x, mask=inside, other=0.0)
    here = tl.load(image + y * width + x, mask=inside, other=0.0)
    below = tl.load(image + tl.minimum(y + 1, height - 1) * width + x, mask=inside, other=0.0)
    bottom = tl.load(image + tl.minimum(y + 2, height - 1) * width + x, mask=inside, other=0.0)
    return _sort(top, above, here, below, bottom)


@triton.jit
def _sort(a, b, c, d, e):
    """Five numbers in ascending order; the compiler drops unused parts."""
    a, d = tl.minimum(a, d), tl.maximum(a, d)
    b, e = tl.minimum(b, e), tl.maximum(b, e)
    a, c = tl.minimum(a, c), tl.maximum(a, c)
    b, d = tl.minimum(b, d), tl.maximum(b, d)
    a, b = tl.minimum(a, b), tl.maximum(a, b)
    c, e = tl.minimum(c, e), tl.maximum(c, e)
    b, c = tl.minimum(b, c), tl.maximum(b, c)
    d, e = tl.minimum(d, e), tl.maximum(d, e)
    c, d = tl.minimum(c, d), tl.maximum(c, d)
    return a, b, c, d, e
