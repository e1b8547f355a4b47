"""
What different readers leave of a dark video: mean level, share of zeros, error after gamma, CPU time.

    python benchmarks/levels.py [FOLDER_OF_CLIPS [NUMBER]]

Ours, PyAV's and OpenCV's usual way, and torchcodec's where it is installed, on a night scene of known light,
stored without loss in several pixel formats, and on one's own clips, whose light is computed from their Y, Cb and Cr.
Errors are mean absolute differences from the light after gamma 3, in levels of 255. Writes docs/levels.png.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from matplotlib.figure import Figure

from ukdlib.darkroom.clip import render_clip
from ukdlib.frames.gamma import correct_gamma
from ukdlib.videos.decoding import Film
from ukdlib.videos.folders import VIDEO_SUFFIXES

GAMMA = 3.0
LIMITED, FULL = 1, 2  # FFmpeg's numbers of ranges and colour spaces
BT709, BT601 = 1, 5
WEIGHTS = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722)}
CARRIERS = [
    ("yuv420p", LIMITED, BT601),
    ("yuv420p", FULL, BT601),
    ("yuv420p", LIMITED, BT709),
    ("yuv444p", LIMITED, BT709),
    ("yuv420p10le", LIMITED, BT601),
    ("yuv420p10le", FULL, BT709),
    ("nv12", LIMITED, BT601),
]
SHOWN = 20  # clips of one's own, if no number is given


# ---------------------------------------------------------------- a scene whose light is known


def night(frames: int = 30) -> np.ndarray:
    """Light (T, H, W, 3) in [0, 1] of a Darkroom clip, without its noise: at most some 16 of 255 levels."""
    clip = render_clip("Walk_1_1", size=(240, 320), fps=15)[:frames].astype(np.float32) / 255
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in clip])
    return np.clip(smooth * (16 / 255 / smooth.max()), 0, 1)


def encode(path: str | Path, scene: np.ndarray, pix_fmt: str, color_range: int, colorspace: int) -> str:
    """The scene without loss but for rounding, converted by the book (ITU-T H.273)."""
    bits = 10 if "10" in pix_fmt else 8
    unit, (red, blue) = 2 ** (bits - 8), WEIGHTS[colorspace]
    whole = 2**bits - 1
    black, luma, colour = (0, whole, whole) if color_range == FULL else (16 * unit, 219 * unit, 224 * unit)
    y = scene @ np.array([red, 1 - red - blue, blue])
    u, v = (scene[..., 2] - y) / (2 * (1 - blue)), (scene[..., 0] - y) / (2 * (1 - red))
    if "444" not in pix_fmt:
        u, v = (c.reshape(len(c), c.shape[1] // 2, 2, -1, 2).mean(axis=(2, 4)) for c in (u, v))
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    planes = [
        np.rint(p).astype(kind) for p in (black + luma * y, 128 * unit + colour * u, 128 * unit + colour * v)
    ]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo" if pix_fmt == "nv12" else "ffv1", rate=24)
        stream.height, stream.width, stream.pix_fmt = *scene.shape[1:3], pix_fmt
        stream.codec_context.color_range, stream.codec_context.colorspace = color_range, colorspace
        for picture in zip(*planes, strict=True):
            container.mux(stream.encode(_frame(pix_fmt, picture, color_range, colorspace)))
        container.mux(stream.encode())
    return str(path)


def _frame(pix_fmt: str, planes: tuple[np.ndarray, ...], color_range: int, colorspace: int) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pix_fmt)
    frame.color_range, frame.colorspace = color_range, colorspace
    if pix_fmt == "nv12":
        planes = planes[0], np.stack(planes[1:], -1).reshape(planes[1].shape[0], -1)
    for plane, values in zip(frame.planes, planes, strict=True):
        line = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        line[:, : values.shape[1]] = values
        plane.update(line)
    return frame


def light_of(path: str, every: int = 1) -> np.ndarray:
    """Light (T, H, W, 3) of a yuv420p video of limited range, computed from its planes in floating point."""
    pictures = []
    with av.open(path) as container:
        for frame in islice(container.decode(video=0), None, None, every):
            if frame.format.name != "yuv420p":
                raise SystemExit(f"{path}: {frame.format.name}; only clips in yuv420p can be compared")
            red, blue = WEIGHTS.get(int(frame.colorspace), WEIGHTS[BT601])
            y, u, v = (
                np.frombuffer(p, np.uint8).reshape(p.height, -1)[:, : p.width].astype(np.float32)
                for p in frame.planes
            )
            u, v = (cv2.resize(c, y.shape[::-1], interpolation=cv2.INTER_LINEAR) for c in (u, v))
            y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
            r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
            pictures.append(np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], axis=-1))
    return np.clip(np.stack(pictures), 0, 1)


def has_square_pixels(path: str) -> bool:
    with av.open(path) as container:
        return container.streams.video[0].sample_aspect_ratio in (None, 0, 1)


# ---------------------------------------------------------------- readers: path -> frames after gamma, uint8


def ours(path: str) -> np.ndarray:
    """As a modality `of: video`: gamma from 16 bits, rounded once."""
    return np.stack([correct_gamma(levels, GAMMA) for levels in Film(path)])


def pyav(path: str) -> np.ndarray:
    """`frame.to_ndarray(format="rgb24")`."""
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return correct_gamma(np.stack(frames), GAMMA)


def opencv(path: str) -> np.ndarray:
    """`cv2.VideoCapture`."""
    capture, frames = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), []
    while (found := capture.read())[0]:
        frames.append(found[1][..., ::-1])
    return correct_gamma(np.ascontiguousarray(np.stack(frames)), GAMMA)


def torchcodec(path: str) -> np.ndarray:
    """`torchcodec.decoders.VideoDecoder`."""
    from torchcodec.decoders import VideoDecoder

    frames = VideoDecoder(path, num_ffmpeg_threads=1, dimension_order="NHWC")[:]
    return correct_gamma(frames.numpy(), GAMMA)


READERS: dict[str, Callable[[str], np.ndarray]] = {
    "ours": ours,
    "PyAV": pyav,
    "OpenCV": opencv,
    "torchcodec": torchcodec,
}


def installed() -> dict[str, Callable[[str], np.ndarray]]:
    """Readers that can be used here."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        print(f"torchcodec cannot be used here: {str(error).splitlines()[0]}")
        return {name: reader for name, reader in READERS.items() if name != "torchcodec"}
    return READERS


# ---------------------------------------------------------------- measuring


def measure(path: str, light: np.ndarray, reader: Callable[[str], np.ndarray]) -> dict[str, float]:
    """Mean level and share of zeros after gamma, and the error from the light itself."""
    frames = reader(path)
    truth = 255 * light ** (1 / GAMMA)
    return {
        "mean": float(frames.mean()),
        "truth": float(truth.mean()),
        "zeros": float((frames == 0).mean()),
        "error": float(np.abs(frames - truth).mean()),
    }


def seconds(paths: list[str], reader: Callable[[str], np.ndarray]) -> float:
    """CPU time for all files, the least of three."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        for path in paths:
            reader(path)
        taken.append(time.process_time() - start)
    return min(taken)


def line(what: str, name: str, found: dict[str, float]) -> None:
    print(
        f"| {what} | {name} | {found['mean']:.2f} | {found['mean'] - found['truth']:+.2f} | "
        f"{100 * found['zeros']:.1f} | {found['error']:.2f} |"
    )


def draw(path: str) -> None:
    """One dark frame after gamma, both ways, and their difference."""
    usual, exact = pyav(path), ours(path)
    middle = len(exact) // 2
    difference = np.clip(128 + 4 * (exact[middle].astype(int) - usual[middle]), 0, 255).astype(np.uint8)
    shown = {"PyAV's usual way": usual[middle], "here": exact[middle], "128 + 4 x difference": difference}
    figure = Figure(figsize=(9.6, 2.7))
    for axes, (title, picture) in zip(figure.subplots(1, 3), shown.items(), strict=True):
        axes.imshow(picture)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.9, wspace=0.02)
    figure.savefig(Path(__file__).parents[1] / "docs/levels.png", dpi=100)


def main() -> None:
    readers = installed()
    print(
        "| source | reader | mean after gamma | off by | zeros, % | error |\n| --- | --- | ---: | ---: | ---: | ---: |"
    )
    with tempfile.TemporaryDirectory() as folder:
        scene = night()
        for carrier in CARRIERS:
            path = encode(f"{folder}/{'_'.join(map(str, carrier))}.mkv", scene, *carrier)
            ranges, spaces = {LIMITED: "limited", FULL: "full"}, {BT601: "BT.601", BT709: "BT.709"}
            what = f"night, {carrier[0]} {ranges[carrier[1]]} {spaces[carrier[2]]}"
            for name, reader in readers.items():
                line(what, name, measure(path, scene, reader))
        draw(f"{folder}/{'_'.join(map(str, CARRIERS[0]))}.mkv")
    if len(sys.argv) > 1:
        files = sorted(str(p) for p in Path(sys.argv[1]).rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
        found = [path for path in files if has_square_pixels(path)]  # others we enlarge, the others do not
        number = int(sys.argv[2]) if len(sys.argv) > 2 else SHOWN
        clips = found[:: max(1, len(found) // number)][:number]
        times = {name: seconds(clips, reader) for name, reader in readers.items()}
        for name, reader in readers.items():
            each = [measure(path, light_of(path), reader) for path in clips]
            line(
                f"{len(clips)} clips",
                name,
                {key: float(np.mean([one[key] for one in each])) for key in each[0]},
            )
        for name, taken in times.items():
            print(f"{name}: {taken:.2f} CPU s for {len(clips)} clips, {taken / times['PyAV']:.2f} of PyAV's")


if __name__ == "__main__":
    main()
