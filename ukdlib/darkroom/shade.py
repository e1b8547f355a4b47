"""Light: surface patterns, lamps and the shadows of the first lamp, pixel by pixel (numba, one thread).

Visible surfaces come from raster.py as 1/z and face numbers; everything here is linear light.
"""

import numpy as np
from numba import njit

from ukdlib.darkroom.raster import NEAR

SHADOW_MARGIN = 0.985  # a point is in shadow if something is nearer to the lamp by more than 1.5 %
LIFT = 0.05  # m: shadows are looked up this far above a surface, so that it does not shadow itself
WRAP = 0.15  # light bends this far (cosine) round a body: soft edges, as of a lamp that is not a point


@njit(cache=True, fastmath=True)
def _hash(i: int, j: int) -> float:
    """A fixed pseudo-random number in [0, 1) of a lattice cell."""
    n = (i * 374761393 + j * 668265263) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65536.0


@njit(cache=True, fastmath=True)
def pattern_of(kind: int, across: float, up: float) -> tuple[float, float]:
    """(reflectance factor, glow) of a pattern (mesh.PLAIN .. WINDOWS) at a point of its plane [m]."""
    if kind == 1:  # tiles of 0.6 m with joints
        i, j = int(np.floor(across / 0.6)), int(np.floor(up / 0.6))
        joint = min(across - 0.6 * i, up - 0.6 * j) < 0.05
        return (0.45 if joint else 0.75 + 0.5 * _hash(i, j)), 0.0
    if kind == 2:  # boards of 0.22 m
        i = int(np.floor(up / 0.22))
        j = int(np.floor((across + 3 * _hash(i, 7)) / 1.7))
        return 0.55 + 0.75 * _hash(i, j), 0.0
    if kind == 3:  # grass, gravel, rough plaster: two scales of speckle
        fine = _hash(int(np.floor(across / 0.09)), int(np.floor(up / 0.09)))
        coarse = _hash(int(np.floor(across / 0.45)) + 99, int(np.floor(up / 0.45)))
        return 0.35 + 0.65 * fine + 0.5 * coarse, 0.0
    if kind == 4:  # a facade: windows of 1.1 x 1.4 m, one in five lit
        i, j = int(np.floor(across / 2.2)), int(np.floor(up / 2.8))
        x, y = across - 2.2 * i, up - 2.8 * j
        if x < 1.1 and 0.9 < y < 2.3:
            lit = _hash(i + 17, j + 5)
            return 0.3, (3.0 * (lit - 0.8) + 0.15 if lit > 0.8 else 0.0)
        return 0.9 + 0.3 * _hash(int(np.floor(across / 0.5)), int(np.floor(up / 0.25))), 0.0
    return 1.0, 0.0


@njit(cache=True, fastmath=True)
def _shadowed(x: float, y: float, z: float, lamp_view: np.ndarray, shadow: np.ndarray) -> bool:
    """Is something between lamp 0 and a world point? lamp_view (5, 3): rotation, position, lens."""
    dx, dy, dz = x - lamp_view[3, 0], y - lamp_view[3, 1], z - lamp_view[3, 2]
    depth = lamp_view[2, 0] * dx + lamp_view[2, 1] * dy + lamp_view[2, 2] * dz
    if depth < NEAR:
        return False
    scale = lamp_view[4, 0] / depth
    column = int(
        lamp_view[4, 1] + scale * (lamp_view[0, 0] * dx + lamp_view[0, 1] * dy + lamp_view[0, 2] * dz)
    )
    row = int(lamp_view[4, 2] + scale * (lamp_view[1, 0] * dx + lamp_view[1, 1] * dy + lamp_view[1, 2] * dz))
    if row < 0 or column < 0 or row >= shadow.shape[0] or column >= shadow.shape[1]:
        return False
    return shadow[row, column] * depth * SHADOW_MARGIN > 1


@njit(cache=True, fastmath=True, inline="always")
def _arriving(point, normal, lighting) -> tuple[float, float, float]:
    """Light (red, green, blue) that lamps and surroundings send to a world point with a normal."""
    (x, y, z), (nx, ny, nz) = point, normal
    lamps, ambient, _, lamp_view, shadow = lighting
    red, green, blue = ambient[0], ambient[1], ambient[2]
    for k in range(len(lamps)):
        dx, dy, dz = lamps[k, 0] - x, lamps[k, 1] - y, lamps[k, 2] - z
        square = dx * dx + dy * dy + dz * dz + 0.05
        cosine = (nx * dx + ny * dy + nz * dz) / np.sqrt(square)
        if cosine <= -WRAP:
            continue
        if k == 0 and _shadowed(x + LIFT * nx, y + LIFT * ny, z + LIFT * nz, lamp_view, shadow):
            continue
        share = (cosine + WRAP) / ((1 + WRAP) * square)
        red += share * lamps[k, 3]
        green += share * lamps[k, 4]
        blue += share * lamps[k, 5]
    return red, green, blue


@njit(cache=True, fastmath=True)
def shade(buffers, surface, view: np.ndarray, lighting, out: np.ndarray, weight: float) -> None:
    """Add `weight` times the light that reaches each pixel to `out` (H, W, 3), linear.

    buffers (inverse_depth, ids) of `rasterise`; surface (normals, colour, glow, pattern) per face, in the
    world; view (5, 3): rows of the camera's rotation (world -> camera), its position, its lens; lighting
    (lamps (L, 6) of position and colour, ambient (3,), sky (3,), lamp_view (5, 3), shadow (S, S): 1/z as
    lamp 0 sees the world).
    """
    (inverse_depth, ids), (normals, colour, glow, pattern) = buffers, surface
    sky = lighting[2]
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            face = ids[row, column]
            if face < 0:  # the sky is brighter towards the horizon
                for k in range(3):
                    out[row, column, k] += weight * sky[k] * 1.6 * row / ids.shape[0]
                continue
            depth = 1 / inverse_depth[row, column]
            cx = (column + 0.5 - view[4, 1]) / view[4, 0] * depth
            cy = (row + 0.5 - view[4, 2]) / view[4, 0] * depth
            rx = view[0, 0] * cx + view[1, 0] * cy + view[2, 0] * depth
            ry = view[0, 1] * cx + view[1, 1] * cy + view[2, 1] * depth
            rz = view[0, 2] * cx + view[1, 2] * cy + view[2, 2] * depth
            nx, ny, nz = normals[face, 0], normals[face, 1], normals[face, 2]
            if nx * rx + ny * ry + nz * rz > 0:
                nx, ny, nz = -nx, -ny, -nz
            x, y, z = rx + view[3, 0], ry + view[3, 1], rz + view[3, 2]
            if abs(ny) > 0.7:  # a pattern lies in the plane that the surface is nearest to
                factor, shine = pattern_of(pattern[face], x, z)
            elif abs(nx) > 0.7:
                factor, shine = pattern_of(pattern[face], z, y)
            else:
                factor, shine = pattern_of(pattern[face], x, y)
            light = _arriving((x, y, z), (nx, ny, nz), lighting)
            shine += glow[face]
            for k in range(3):
                tint = colour[face, k]
                out[row, column, k] += weight * (tint * factor * light[k] + shine * (0.4 + 0.6 * tint))
