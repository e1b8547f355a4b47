"""A z-buffer rasteriser for triangles and the shading of what it sees (numba, one thread).

Camera axes: x to the right, y down, z into the picture (m). A pixel's centre is at whole number + 0.5.
The buffer keeps 1/z, which is linear on the screen; larger is nearer, 0 is "nothing there".
"""

import numpy as np
from numba import njit

NEAR = 0.05  # m: what is nearer to the camera is cut off
SHADOW_MARGIN = 0.985  # a point lies in shadow if something is nearer to the lamp by more than 1.5 %
LIFT = 0.05  # m: shadows are looked up this far above a surface, so that it does not shadow itself
WRAP = 0.15  # light bends this far (cosine) round a body: soft edges, as of a lamp that is not a point


@njit(cache=True, fastmath=True)
def _crossings(
    ax: float, ay: float, bx: float, by: float, y: float, left: float, right: float
) -> tuple[float, float]:
    """The interval [left, right] of a row at height y, widened to where the edge a-b crosses it."""
    if (ay <= y) != (by <= y):
        x = ax + (y - ay) / (by - ay) * (bx - ax)
        return min(left, x), max(right, x)
    return left, right


@njit(cache=True, fastmath=True)
def _fill(a, b, c, face: int, inverse_depth: np.ndarray, ids: np.ndarray) -> None:
    """Draw one projected triangle; corners are (x px, y px, 1/z)."""
    height, width = ids.shape
    low, high = min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
    first, last = max(0, int(np.ceil(low - 0.5))), min(height - 1, int(np.floor(high - 0.5)))
    x1, y1, w1 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    x2, y2, w2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    area = x1 * y2 - x2 * y1
    if first > last or abs(area) < 1e-9:
        return
    slope_x, slope_y = np.float32((w1 * y2 - w2 * y1) / area), (x1 * w2 - x2 * w1) / area
    for row in range(first, last + 1):
        y = row + 0.5  # a row meets a triangle in one interval: the hull of its edge crossings
        left, right = _crossings(a[0], a[1], b[0], b[1], y, 1e9, -1e9)
        left, right = _crossings(b[0], b[1], c[0], c[1], y, left, right)
        left, right = _crossings(c[0], c[1], a[0], a[1], y, left, right)
        start, end = int(np.ceil(max(left, 0.0) - 0.5)), int(np.ceil(min(right, width) - 0.5))
        w = np.float32(a[2] + slope_x * (start + 0.5 - a[0]) + slope_y * (y - a[1]))
        for column in range(start, end):
            if w > inverse_depth[row, column]:
                inverse_depth[row, column] = w
                ids[row, column] = face
            w += slope_x


@njit(cache=True, fastmath=True)
def _project(x: float, y: float, z: float, lens: np.ndarray) -> tuple[float, float, float]:
    inverse = 1 / z
    return lens[1] + lens[0] * x * inverse, lens[2] + lens[0] * y * inverse, inverse


@njit(cache=True, fastmath=True)
def _cut(points: np.ndarray, face: np.ndarray, lens: np.ndarray, corners: np.ndarray) -> int:
    """What is left of a triangle beyond the near plane, projected into corners (4, 3); returns how many
    corners.
    """
    count = 0
    for k in range(3):
        a, b = points[face[k]], points[face[(k + 1) % 3]]
        if a[2] >= NEAR:
            corners[count] = _project(a[0], a[1], a[2], lens)
            count += 1
        if (a[2] >= NEAR) != (b[2] >= NEAR):
            share = (NEAR - a[2]) / (b[2] - a[2])
            corners[count] = _project(a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), NEAR, lens)
            count += 1
    return count


@njit(cache=True, fastmath=True)
def rasterise(
    points: np.ndarray, faces: np.ndarray, lens: np.ndarray, inverse_depth: np.ndarray, ids: np.ndarray
) -> None:
    """Draw triangles over what the buffers hold, the nearest one wins.

    points (V, 3) float32 in camera axes; faces (F, 3) int32; lens (focal length, centre x, centre y) in
    pixels; inverse_depth (H, W) float32 and ids (H, W) int32 (row of `faces`, -1 for none) are changed in
    place.
    """
    corners, projected = np.empty((4, 3)), np.empty((len(points), 3))
    for k in range(len(points)):
        if points[k, 2] >= NEAR:
            projected[k, 0], projected[k, 1], projected[k, 2] = _project(
                points[k, 0], points[k, 1], points[k, 2], lens
            )
    for face in range(len(faces)):
        i, j, k = faces[face]
        if points[i, 2] >= NEAR and points[j, 2] >= NEAR and points[k, 2] >= NEAR:
            _fill(projected[i], projected[j], projected[k], face, inverse_depth, ids)
            continue
        count = _cut(points, faces[face], lens, corners)
        for n in range(1, count - 1):
            _fill(corners[0], corners[n], corners[n + 1], face, inverse_depth, ids)


@njit(cache=True, fastmath=True)
def face_normals(points: np.ndarray, faces: np.ndarray, normals: np.ndarray) -> None:
    """Unit normals (F, 3) of triangles into `normals`; the side is left open, `shade` takes the one that is
    seen.
    """
    for face in range(len(faces)):
        a, b, c = points[faces[face, 0]], points[faces[face, 1]], points[faces[face, 2]]
        x = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        y = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        z = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        scale = 1 / np.sqrt(x * x + y * y + z * z + 1e-20)
        normals[face, 0], normals[face, 1], normals[face, 2] = x * scale, y * scale, z * scale


@njit(cache=True, fastmath=True)
def _hash(i: int, j: int) -> float:
    """A fixed pseudo-random number in [0, 1) of a lattice cell."""
    n = (i * 374761393 + j * 668265263) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65536.0


@njit(cache=True, fastmath=True)
def pattern_of(kind: int, across: float, up: float) -> tuple[float, float]:
    """(reflectance factor, glow) of a surface pattern (mesh.PLAIN .. WINDOWS) at a point of its plane, in
    metres.
    """
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
    """Is something between the key lamp and a world point? lamp_view: rows of rotation, position, lens (5,
    3).
    """
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


@njit(cache=True, fastmath=True)
def shade(buffers, surface, view: np.ndarray, lighting, out: np.ndarray, weight: float) -> None:
    """Add `weight` times the light that reaches each pixel to `out` (H, W, 3), linear.

    buffers (inverse_depth, ids) of `rasterise`; surface (normals, colour, glow, pattern) per face, normals
    in the world; view (5, 3): rows of the camera's rotation (world -> camera), its position, its lens;
    lighting (lamps (L, 6) of position and colour, ambient (3,), sky (3,), lamp_view (5, 3) and shadow (S, S)
    of lamp 0: 1/z as that lamp sees it).
    """
    (inverse_depth, ids), (normals, colour, glow, pattern) = buffers, surface
    lamps, ambient, sky, lamp_view, shadow = lighting
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            face = ids[row, column]
            if face < 0:
                fade = max(0.0, 1.6 * row / ids.shape[0])
                for k in range(3):
                    out[row, column, k] += weight * sky[k] * fade
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
            # the pattern lies on the plane that the surface is nearest to
            if abs(ny) > 0.7:
                factor, lit = pattern_of(pattern[face], x, z)
            elif abs(nx) > 0.7:
                factor, lit = pattern_of(pattern[face], z, y)
            else:
                factor, lit = pattern_of(pattern[face], x, y)
            red, green, blue = ambient[0], ambient[1], ambient[2]
            for k in range(len(lamps)):
                dx, dy, dz = lamps[k, 0] - x, lamps[k, 1] - y, lamps[k, 2] - z
                square = dx * dx + dy * dy + dz * dz + 0.05
                cosine = (nx * dx + ny * dy + nz * dz) / np.sqrt(square)
                if cosine > -WRAP and not (
                    k == 0 and _shadowed(x + nx * LIFT, y + ny * LIFT, z + nz * LIFT, lamp_view, shadow)
                ):
                    share = (cosine + WRAP) / ((1 + WRAP) * square)
                    red += share * lamps[k, 3]
                    green += share * lamps[k, 4]
                    blue += share * lamps[k, 5]
            shine = glow[face] + lit
            out[row, column, 0] += weight * (
                colour[face, 0] * factor * red + shine * (0.4 + 0.6 * colour[face, 0])
            )
            out[row, column, 1] += weight * (
                colour[face, 1] * factor * green + shine * (0.4 + 0.6 * colour[face, 1])
            )
            out[row, column, 2] += weight * (
                colour[face, 2] * factor * blue + shine * (0.4 + 0.6 * colour[face, 2])
            )
