"""A z-buffer rasteriser for triangles (numba, one thread).

Camera axes: x to the right, y down, z into the picture (m). A pixel's centre is at whole number + 0.5.
The buffer keeps 1/z, which is linear on the screen; larger is nearer, 0 is empty.
"""

import numpy as np
from numba import njit

NEAR = 0.05  # m: anything nearer to the camera is clipped


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
    """A triangle cut at the near plane and projected into corners (4, 3); returns their number."""
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
    """Unit normals (F, 3) of triangles into `normals`; `shade` turns them to the side that is seen."""
    for face in range(len(faces)):
        a, b, c = points[faces[face, 0]], points[faces[face, 1]], points[faces[face, 2]]
        x = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        y = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        z = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        scale = 1 / np.sqrt(x * x + y * y + z * z + 1e-20)
        normals[face, 0], normals[face, 1], normals[face, 2] = x * scale, y * scale, z * scale
