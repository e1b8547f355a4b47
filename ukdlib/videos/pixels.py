"""
Decoded pictures to red, green and blue without losing the few levels that dark video has.

FFmpeg's usual conversion rounds towards black: it takes half a level of 8-bit video and up to 1.7 levels of 10-bit
video, of some 17 that a dark clip has. Here FFmpeg only unpacks and upsamples, which is exact, to 16 bits; the matrix
is applied once, with rounding.
"""

from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from ukdlib.pictures.levels import STEP, WHITE, as_levels

# Weights of red and blue in luma by FFmpeg's number of the colour space (ITU-T H.273, table 4)
LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
BT601 = (0.299, 0.114)  # also where a file does not say: what FFmpeg assumes
YCGCO = 8
FULL = 2  # FFmpeg's number of the range that uses all values; grey and RGB always do
SMOOTH = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


def levels_of(frame: av.VideoFrame) -> np.ndarray:
    """
    Red, green and blue, uint16 (H, W, 3) with white = 65535, of a frame in any pixel format, as it is stored.

    Exact but for rounding to 16 bits and for colour that is stored at half the resolution, which is interpolated.
    """
    if frame.format.is_rgb or frame.format.name.startswith(("pal", "xyz")):
        return _levels_of_rgb(frame)
    if len(frame.format.components) == 1:
        return _levels_of_grey(frame)
    planes = _planes(frame)
    matrix = rgb_matrix(int(frame.colorspace), _is_full(frame), _bits(frame))
    return cv2.transform(cv2.merge(planes), matrix)


def frame_of(picture: np.ndarray) -> av.VideoFrame:
    """A yuv420p frame, BT.601 of limited range, of uint8 (H, W, 3) RGB with even H and W; rounded once."""
    matrix = rgb_matrix(0, full=False, bits=8)
    back = np.linalg.inv(matrix[:, :3]) * (STEP / 256)  # 8 bits to 8 bits
    offset = -np.linalg.inv(matrix[:, :3]) @ matrix[:, 3] / 256
    luma, *colours = cv2.split(cv2.transform(picture.astype(np.float32), np.c_[back, offset]))
    half = [cv2.resize(colour, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for colour in colours]
    planes = np.concatenate([np.rint(plane).astype(np.uint8).ravel() for plane in (luma, *half)])
    return av.VideoFrame.from_ndarray(planes.reshape(-1, picture.shape[1]), format="yuv420p")


def rgb_matrix(colorspace: int, full: bool, bits: int) -> np.ndarray:
    """
    (3, 4) from (Y, Cb, Cr, 1), stored in the upper `bits` of 16, to RGB with white = 65535 (ITU-T H.273, 8.3).

    full: Y has all values, otherwise 16 to 235 of 255, and the colours 16 to 240.
    """
    unit = 2.0 ** (16 - 8)  # one 8-bit step of a value stored in the upper bits
    whole = (2.0**bits - 1) * 2.0 ** (16 - bits)
    luma, colour, black = (whole, whole, 0.0) if full else (219 * unit, 224 * unit, 16 * unit)
    matrix = _opponent_matrix(colorspace) * [WHITE / luma, WHITE / colour, WHITE / colour]
    return np.c_[matrix, -matrix @ [black, 128 * unit, 128 * unit]]


def _opponent_matrix(colorspace: int) -> np.ndarray:
    if colorspace == YCGCO:
        return np.array([[1.0, -1, 1], [1, 1, 0], [1, -1, -1]])
    red, blue = LUMA.get(colorspace, BT601)
    green = 1 - red - blue
    across, down = 2 * (1 - red), 2 * (1 - blue)
    return np.array([[1, 0, across], [1, -down * blue / green, -across * red / green], [1, down, 0]])


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Y, Cb, Cr, each uint16 (H, W), its value in the upper bits."""
    bits = _bits(frame)
    if any(
        component.width < frame.width or component.height < frame.height
        for component in frame.format.components
    ):
        unpacked = _unpacked(frame, "yuv444p16le")  # colour is interpolated
        return [_plane(plane, np.dtype("<u2")) for plane in unpacked.planes]
    # to as many bits, since FFmpeg would not only shift the values
    unpacked = _unpacked(frame, "yuv444p" if bits == 8 else f"yuv444p{bits}le")
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    return [_plane(plane, kind).astype(np.uint16) << (16 - bits) for plane in unpacked.planes]


def _unpacked(frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """With a plane for each component, the values being those that are stored."""
    as_it_is = ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG
    return frame.reformat(
        format=pix_fmt,
        interpolation=SMOOTH,
        threads=1,
        src_color_range=as_it_is,
        dst_color_range=as_it_is,
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
    )


def _plane(plane: av.video.plane.VideoPlane, kind: np.dtype, channels: int = 1) -> np.ndarray:
    """Its samples (H, W * channels), without what fills up a row."""
    rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
    return rows[:, : plane.width * channels]


def _levels_of_rgb(frame: av.VideoFrame) -> np.ndarray:
    deep = _bits(frame) > 8
    same = frame.reformat(format="rgb48le" if deep else "rgb24", interpolation=SMOOTH, threads=1)
    pixels = _plane(same.planes[0], np.dtype("<u2") if deep else np.dtype(np.uint8), 3)
    pixels = pixels.reshape(frame.height, frame.width, 3)
    return pixels if deep else as_levels(pixels)


def _levels_of_grey(frame: av.VideoFrame) -> np.ndarray:
    bits = _bits(frame)
    if bits == 1:
        frame, bits = frame.reformat(format="gray"), 8  # black and white
    kind = np.dtype(np.uint8 if bits == 8 else ">u2" if frame.format.is_big_endian else "<u2")
    grey = _plane(frame.planes[0], kind) * (WHITE / (2**bits - 1))
    return cv2.merge([np.rint(grey).astype(np.uint16)] * 3)


def _bits(frame: av.VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _is_full(frame: av.VideoFrame) -> bool:
    return frame.color_range == FULL or frame.format.name.startswith(("yuvj", "gray"))


# ---------------------------------------------------------------- as it is meant to be seen

# What a display matrix of a file does to a picture: (signs of a, b, c, d) of (x, y) -> (a x + c y, b x + d y)
ORIENTATIONS: dict[tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]] = {
    (1, 0, 0, 1): lambda picture: picture,
    (-1, 0, 0, 1): lambda picture: picture[:, ::-1],
    (1, 0, 0, -1): lambda picture: picture[::-1],
    (-1, 0, 0, -1): lambda picture: picture[::-1, ::-1],
    (0, 1, 1, 0): lambda picture: picture.swapaxes(0, 1),
    (0, 1, -1, 0): lambda picture: picture.swapaxes(0, 1)[:, ::-1],
    (0, -1, 1, 0): lambda picture: picture.swapaxes(0, 1)[::-1],
    (0, -1, -1, 0): lambda picture: picture.swapaxes(0, 1)[::-1, ::-1],
}


def as_seen(levels: np.ndarray, matrix: np.ndarray | None, ratio: float) -> np.ndarray:
    """
    Upright, with square pixels.

    matrix: the file's display matrix, ((a, b), (c, d)), None = as it is stored; ratio: width of a pixel to its height.
    """
    turn = ORIENTATIONS[(1, 0, 0, 1) if matrix is None else _nearest_orientation(matrix)]
    return np.ascontiguousarray(turn(square(levels, ratio)))


def square(levels: np.ndarray, ratio: float) -> np.ndarray:
    """The picture (H, W, 3) enlarged in one direction so that pixels of this width to height become square."""
    height, width = square_size(levels.shape[0], levels.shape[1], ratio)
    if (height, width) == levels.shape[:2]:
        return levels
    return cv2.resize(levels, (width, height), interpolation=cv2.INTER_LINEAR)


def square_size(height: int, width: int, ratio: float) -> tuple[int, int]:
    """(height, width) of the same picture in square pixels."""
    return round(height * max(1 / ratio, 1)), round(width * max(ratio, 1))


def display_matrix(frame: av.VideoFrame) -> np.ndarray | None:
    """((a, b), (c, d)) of a frame, if its file states one: (x, y) is shown at (a x + c y, b x + d y)."""
    stated: Any = frame.side_data.get("DISPLAYMATRIX")
    if stated is None:
        return None
    return np.frombuffer(memoryview(stated), "<i4").reshape(3, 3)[:2, :2].astype(float)


def _nearest_orientation(matrix: np.ndarray) -> tuple[int, int, int, int]:
    return max(ORIENTATIONS, key=lambda signs: float(matrix.ravel() @ signs))
