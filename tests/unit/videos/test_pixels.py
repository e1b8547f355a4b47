"""Dark levels are kept: every pixel format gives the light that it states, every orientation the picture meant."""

import av
import numpy as np
import pytest

from benchmarks.levels import BT601, BT709, CARRIERS, FULL, LIMITED, encode
from ukdlib.frames.gamma import correct_gamma
from ukdlib.pictures.levels import STEP, as_bytes, as_levels
from ukdlib.videos.decoding import Film, read_video
from ukdlib.videos.inspection import write_video
from ukdlib.videos.pixels import ORIENTATIONS, as_seen, frame_of, levels_of, square_size

SIZE = 16
BT2020 = 9
# name -> (bits, how many lower bits are unused, the components in the order of each plane's samples)
LAYOUTS = {
    "yuv420p": (8, 0, ["y", "u", "v"]),
    "yuvj420p": (8, 0, ["y", "u", "v"]),
    "yuv422p": (8, 0, ["y", "u", "v"]),
    "yuv444p": (8, 0, ["y", "u", "v"]),
    "yuv411p": (8, 0, ["y", "u", "v"]),
    "yuv440p": (8, 0, ["y", "u", "v"]),
    "nv12": (8, 0, ["y", "uv"]),
    "nv21": (8, 0, ["y", "vu"]),
    "yuyv422": (8, 0, ["yuyv"]),
    "uyvy422": (8, 0, ["uyvy"]),
    "yuv420p10le": (10, 0, ["y", "u", "v"]),
    "yuv422p10le": (10, 0, ["y", "u", "v"]),
    "yuv444p12le": (12, 0, ["y", "u", "v"]),
    "yuv444p16le": (16, 0, ["y", "u", "v"]),
    "p010le": (10, 6, ["y", "uv"]),
    "yuva420p": (8, 0, ["y", "u", "v", "a"]),
}


def constant(pix_fmt, yuv, color_range, colorspace):
    """A frame of one colour, its stored values given by hand."""
    bits, unused, planes = LAYOUTS[pix_fmt]
    codes = dict(zip("yuva", (*yuv, 2**bits - 1), strict=True))
    frame = av.VideoFrame(SIZE, SIZE, pix_fmt)
    frame.color_range, frame.colorspace = color_range, colorspace
    for plane, order in zip(frame.planes, planes, strict=True):
        samples = np.array([codes[name] << unused for name in order], np.uint8 if bits == 8 else "<u2")
        line = np.resize(samples, plane.line_size // samples.itemsize)
        plane.update(np.tile(line, (plane.height, 1)))
    return frame


def light(bits, yuv, color_range, red, blue):
    """RGB in [0, 1] by ITU-T H.273."""
    unit = 2 ** (bits - 8)
    black, luma, colour = (
        (0, 2**bits - 1, 2**bits - 1) if color_range == FULL else (16 * unit, 219 * unit, 224 * unit)
    )
    y, u, v = (yuv[0] - black) / luma, (yuv[1] - 128 * unit) / colour, (yuv[2] - 128 * unit) / colour
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.clip([r, (y - red * r - blue * b) / (1 - red - blue), b], 0, 1)


@pytest.mark.parametrize("pix_fmt", LAYOUTS)
@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize(
    ("colorspace", "weights"),
    [(BT601, (0.299, 0.114)), (BT709, (0.2126, 0.0722)), (BT2020, (0.2627, 0.0593))],
)
@pytest.mark.parametrize("dark", [(21, 126, 130), (60, 120, 140), (200, 100, 90)])
def test_every_format_gives_the_light_that_it_states(pix_fmt, color_range, colorspace, weights, dark):
    if pix_fmt.startswith("yuvj"):
        color_range = FULL
    bits = LAYOUTS[pix_fmt][0]
    yuv = [(value << (bits - 8)) + (2 ** (bits - 8)) // 3 for value in dark]
    found = levels_of(constant(pix_fmt, yuv, color_range, colorspace))
    assert found.shape == (SIZE, SIZE, 3) and found.dtype == np.uint16
    np.testing.assert_allclose(
        found.reshape(-1, 3) / 65535,
        np.tile(light(bits, yuv, color_range, *weights), (SIZE**2, 1)),
        atol=2 / 65535,
    )


@pytest.mark.parametrize(
    ("pix_fmt", "dtype", "white"),
    [
        ("gray", np.uint8, 255),
        ("gray10le", "<u2", 1023),
        ("gray12le", "<u2", 4095),
        ("gray16le", "<u2", 65535),
    ],
)
def test_grey_video_has_the_full_range(pix_fmt, dtype, white):
    frame = av.VideoFrame(SIZE, SIZE, pix_fmt)
    plane = frame.planes[0]
    values = np.resize(np.arange(SIZE) * (white // 200), plane.line_size // np.dtype(dtype).itemsize).astype(
        dtype
    )
    plane.update(np.tile(values, (plane.height, 1)))
    expected = values[:SIZE].astype(float) / white * 65535
    np.testing.assert_allclose(levels_of(frame)[0].T, np.tile(expected, (3, 1)), atol=2)


@pytest.mark.parametrize(
    ("pix_fmt", "white"), [("rgb24", 255), ("bgr24", 255), ("rgb48le", 65535), ("gbrp", 255), ("rgba", 255)]
)
def test_rgb_video_is_taken_as_it_is(pix_fmt, white):
    channels = 4 if pix_fmt == "rgba" else 3
    pixels = np.random.default_rng(0).integers(
        0, white + 1, (SIZE, SIZE, channels), dtype=np.uint8 if white == 255 else np.uint16
    )
    found = levels_of(av.VideoFrame.from_ndarray(pixels, format=pix_fmt))
    rgb = pixels[..., ::-1] if pix_fmt == "bgr24" else pixels[..., :3]
    assert (found == as_levels(rgb)).all()


def test_deep_planar_rgb_keeps_its_levels():
    frame = av.VideoFrame(SIZE, SIZE, "gbrp10le")
    for plane, value in zip(frame.planes, (300, 20, 1000), strict=True):
        plane.update(np.full((plane.height, plane.line_size // 2), value, "<u2"))
    np.testing.assert_allclose(levels_of(frame)[3, 4], np.array([1000, 300, 20]) / 1023 * 65535, atol=64)


def test_levels_of_8_and_16_bits_agree():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (as_bytes(as_levels(values)) == values).all()
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert (as_bytes(levels) == np.rint(levels / STEP)).all()
    assert (correct_gamma(as_levels(values), 3.0) == correct_gamma(values, 3.0)).all()


# ---------------------------------------------------------------- the same scene in any file


def night(levels=8, frames=6):
    """Light (T, H, W, 3) in [0, 1]: a slope of a few 8-bit levels, slightly coloured; colour can be halved."""
    x, y = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 48))
    slope = levels / 255 * (0.2 + 0.8 * (x + y) / 2)[..., None] * [1.0, 0.9, 0.8]
    return np.repeat(slope[None], frames, axis=0)


@pytest.mark.parametrize(
    ("pix_fmt", "color_range", "colorspace"), [*CARRIERS, ("yuv444p10le", LIMITED, BT709)]
)
def test_a_scene_is_the_same_whatever_carries_it(pix_fmt, color_range, colorspace, tmp_path):
    """Within one level of the truth after gamma, on average; 10 bits within a quarter of one."""
    scene = night()
    path = encode(tmp_path / "a.mkv", scene, pix_fmt, color_range, colorspace)
    frames = np.stack([correct_gamma(levels, 3.0) for levels in Film(path)])
    assert abs(frames.mean() - (255 * scene ** (1 / 3)).mean()) < (0.25 if "10" in pix_fmt else 1.0)
    assert abs(read_video(path)[0].mean() - 255 * scene.mean()) < 0.1


def test_what_is_written_has_the_mean_level_of_what_was_to_be_written(tmp_path):
    scene = np.rint(255 * night(40)).astype(np.uint8)
    frame = levels_of(frame_of(scene[0])) / STEP
    assert abs(frame.mean() - scene[0].mean()) < 0.05
    write_video(str(tmp_path / "a.mp4"), scene, fps=15, crf=1)
    assert abs(read_video(str(tmp_path / "a.mp4"))[0].mean() - scene.mean()) < 0.15


# ---------------------------------------------------------------- orientation and pixel shape

PICTURE = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3)


@pytest.mark.parametrize("signs", ORIENTATIONS)
def test_a_display_matrix_moves_each_pixel_where_it_says(signs):
    a, b, c, d = signs
    shown = as_seen(PICTURE, 65536.0 * np.array([[a, b], [c, d]]), 1.0)
    places = {(a * x + c * y, b * x + d * y): PICTURE[y, x] for y in range(2) for x in range(3)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    assert shown.shape[:2] == ((2, 3) if a else (3, 2))
    for (x, y), pixel in places.items():
        assert (shown[y - top, x - left] == pixel).all()


def test_a_matrix_that_scales_or_is_missing_turns_nothing():
    for matrix in (None, np.zeros((2, 2)), np.diag([131072.0, 65536.0])):
        assert (as_seen(PICTURE, matrix, 1.0) == PICTURE).all()


def test_pixels_become_square():
    assert square_size(480, 720, 8 / 9) == (540, 720)
    assert square_size(96, 128, 16 / 11) == (96, 186)
    assert as_seen(np.zeros((96, 128, 3), np.uint16), None, 16 / 11).shape == (96, 186, 3)
