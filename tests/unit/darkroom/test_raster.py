"""Laws of the rasteriser: coverage by hand, the nearest wins, perspective, the near plane, shadows."""

import numpy as np
import pytest

from ukdlib.darkroom.raster import NEAR, face_normals, rasterise
from ukdlib.darkroom.shade import pattern_of, shade

LENS = np.array(
    [8.0, 4.0, 4.0], np.float32
)  # focal length 8 px: at z = 8 m a metre is a pixel, (0, 0) in the middle
FACE = np.array([[0, 1, 2]], np.int32)


def draw(points, faces=FACE, size=(8, 8)):
    inverse_depth, ids = np.zeros(size, np.float32), np.full(size, -1, np.int32)
    rasterise(np.asarray(points, np.float32), np.asarray(faces, np.int32), LENS, inverse_depth, ids)
    return inverse_depth, ids


def test_nothing_leaves_the_picture_empty():
    inverse_depth, ids = draw(np.zeros((0, 3)), np.zeros((0, 3)))
    assert (ids == -1).all() and (inverse_depth == 0).all()


def test_a_triangle_worked_by_hand():
    # corners at pixels (1, 1), (5, 1), (1, 5): a pixel centre (c + .5, r + .5) is inside if c + r + 1 < 6,
    # c, r >= 1
    _, ids = draw([[-3, -3, 8], [1, -3, 8], [-3, 1, 8]])
    rows, columns = np.mgrid[:8, :8]
    np.testing.assert_array_equal(ids == 0, (rows >= 1) & (columns >= 1) & (rows + columns < 5))


def test_corner_order_does_not_matter():
    points = np.array([[-3, -3, 8], [2, -2, 9], [-1, 3, 7]])
    for order in ([0, 2, 1], [1, 2, 0]):
        np.testing.assert_array_equal(draw(points)[1], draw(points, [order])[1])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_triangle_wins_in_any_order(order):
    far = np.array([[-40, -40, 20], [60, -40, 20], [-40, 60, 20]])
    near = np.array([[-3, -3, 8], [1, -3, 8], [-3, 1, 8]])
    points, faces = np.concatenate([far, near]), np.array([[0, 1, 2], [3, 4, 5]])[order]
    inverse_depth, ids = draw(points, faces)
    assert ids[2, 2] == order.index(1) and ids[6, 6] == order.index(0)
    np.testing.assert_allclose(inverse_depth[[2, 6], [2, 6]], [1 / 8, 1 / 20], rtol=1e-5)


def test_depth_on_a_slanted_plane_is_exact():
    # plane z = 10 + x: along the ray of pixel column c, x = z (c + .5 - 4) / 8
    corners = np.array([[-5, -5, 5], [5, -5, 15], [0, 15, 10]])
    inverse_depth, ids = draw(corners)
    slope = (np.arange(8) + 0.5 - 4) / 8
    expected = np.broadcast_to((1 - slope) / 10, (8, 8))
    np.testing.assert_allclose(inverse_depth[ids == 0], expected[ids == 0], rtol=1e-4)


def test_two_triangles_of_a_square_leave_no_gap_and_no_overlap():
    points = np.array([[-2.3, -2.1, 8], [2.4, -2.2, 8], [2.6, 2.3, 8], [-2.2, 2.7, 8]])
    both = draw(points, [[0, 1, 2], [0, 2, 3]])[1] >= 0
    one, other = (draw(points, [face])[1] >= 0 for face in ([0, 1, 2], [0, 2, 3]))
    assert not (one & other).any() and (both == (one | other)).all()
    assert both[2:6, 2:6].all()


def test_what_lies_behind_the_camera_is_cut_off():
    assert (draw([[-3, -3, -1], [1, -3, -1], [-3, 1, NEAR / 2]])[1] == -1).all()
    # a floor that runs under the camera to behind it covers the lower half only
    inverse_depth, ids = draw([[-900, 1, -5], [900, 1, -5], [0, 1, 900]])
    assert (ids[5:] == 0).all() and (ids[:4] == -1).all()
    np.testing.assert_allclose(1 / inverse_depth[7, 4], 8 / 3.5, rtol=1e-4)  # row 7: y / z = 3.5 / 8


def test_normals_are_of_length_one_and_upright_on_their_face():
    points = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    faces, normals = np.arange(30, dtype=np.int32).reshape(10, 3), np.zeros((10, 3), np.float32)
    face_normals(points, faces, normals)
    edges = points[faces[:, 1]] - points[faces[:, 0]]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose((edges * normals).sum(1), 0, atol=1e-5)


def lit(lamps, blocked=False):
    """Light in the middle of a white wall 2 m before the camera, which stands at the origin of the world."""
    points = np.array([[-9, -9, 2], [9, -9, 2], [0, 18, 2]], np.float32)
    normals, inverse_depth, ids = (
        np.zeros((1, 3), np.float32),
        np.zeros((4, 4), np.float32),
        np.full((4, 4), -1, np.int32),
    )
    face_normals(points, FACE, normals)
    lens = np.array([4, 2, 2], np.float32)
    rasterise(points, FACE, lens, inverse_depth, ids)
    view = np.concatenate([np.eye(3), np.zeros((1, 3)), lens[None]]).astype(np.float32)
    surface = normals, np.ones((1, 3), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int32)
    shadow = np.full(
        (4, 4), 1.0 if blocked else 0.0, np.float32
    )  # 1: something a metre before the lamp, everywhere
    dark, out = np.zeros(3, np.float32), np.zeros((4, 4, 3), np.float32)
    shade(
        (inverse_depth, ids),
        surface,
        view,
        (np.asarray(lamps, np.float32), dark, dark, view, shadow),
        out,
        1.0,
    )
    return out[1, 1]


def test_light_adds_up_and_falls_with_the_square_of_the_distance():
    near, far = [0, 0, 0, 1, 1, 1], [0, 0, -2, 1, 1, 1]  # 2 m and 4 m from the wall
    np.testing.assert_allclose(lit([near, far]), lit([near]) + lit([far]), rtol=1e-5)
    assert 3.5 < lit([near])[0] / lit([far])[0] < 4.2
    np.testing.assert_allclose(lit([[0, 0, 0, 3, 2, 1]]), lit([near]) * [3, 2, 1], rtol=1e-5)


def test_only_the_first_lamp_casts_shadows():
    lamp = [0, 0, 0, 1, 1, 1]
    assert (lit([lamp], blocked=True) == 0).all()
    np.testing.assert_allclose(lit([lamp, lamp], blocked=True), lit([lamp]), rtol=1e-5)


@pytest.mark.parametrize("kind", range(5))
def test_patterns_are_fixed_and_positive(kind):
    spots = np.random.default_rng(kind).uniform(-20, 20, (200, 2))
    first, again = ([pattern_of(kind, x, y) for x, y in spots] for _ in range(2))
    assert first == again and min(factor for factor, _ in first) > 0.2 and min(glow for _, glow in first) >= 0
