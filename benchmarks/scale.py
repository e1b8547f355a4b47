"""
The cost of a large data set of videos: CPU time and bytes of every stage before training, measured and scaled up.

    python benchmarks/scale.py [scale.csv] [--clips 3] [--videos 240000] [--frames 300] [--cores 100]

Clips of Darkroom at 340x256 and, where UKD_ARID_CLIPS names a folder of real ones, those at 320x240, whose numbers
are then multiplied by the ratio of the pixels. The library's functions that the rules call, one thread, CPU time of
this process, the first clip before the clock starts (numba compiles). Logits: one row for each video and view. Last
the operations of a training step, counted.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from frames import real
from torch.utils.flop_counter import FlopCounterMode

from ukdlib.darkroom.clip import render_clip
from ukdlib.flow.clips import flow_ahead
from ukdlib.frames.corrections import correct_clip
from ukdlib.frames.measures import measure_pictures
from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.knowledge.logits import LogitRows, write_logits
from ukdlib.networks import build_network
from ukdlib.videos.decoding import Film, read_video
from ukdlib.videos.inspection import check_video, write_video

SIZE = (256, 340)


def rendered(folder: Path, count: int) -> list[str]:
    """Videos of Darkroom in the wanted size."""
    paths = [str(folder / f"{group}.mp4") for group in range(1, count + 1)]
    for group, path in enumerate(paths, start=1):
        write_video(path, render_clip(f"Walk_{group}_1", size=SIZE, fps=30), 30)
    return paths


def measure(paths: list[str], folder: Path) -> Iterator[dict]:
    """A line for each stage: CPU ms and kB for a frame of the videos' own size, scaled to SIZE."""
    shapes = {path: read_video(path)[0].shape for path in paths}
    pixels = np.prod(SIZE) / np.mean([height * width for _, height, width, _ in shapes.values()])
    shard = {name: str(folder / f"{name}.arrow") for name in ("dark", "raw", "rgb", "flow")}

    def decode(name: str, codec: str, gamma: float) -> Callable[[list[str]], object]:
        def make(path: str) -> Iterator[np.ndarray]:
            return correct_clip(partial(Film, path), "gamma", gamma=gamma)

        return lambda videos: write_shard(shard[name], videos, make, codec)

    def flow(videos: list[str]) -> None:
        windows = partial(open_shards([shard["rgb"]]).windows, length=64, shared=1)
        with flow_ahead(videos, windows, "opencv", 20, "numba") as codes:
            write_shard(shard["flow"], videos, codes, "jpeg")

    def look(videos: list[str]) -> None:
        store = open_shards([shard["rgb"]])
        for video in videos:
            measure_pictures(store.window(video, range(0, store.shape(video)[0], 4)))

    stages: dict[str, tuple[Callable[[list[str]], object], str | None]] = {
        "inspect_videos": (lambda videos: [check_video(path, 1) for path in videos], None),
        "decode_videos, as filmed, raw": (decode("raw", "raw", 1.0), "raw"),
        "decode_videos, as filmed, JPEG": (decode("dark", "jpeg", 1.0), "dark"),
        "decode_videos, gamma 3, JPEG": (decode("rgb", "jpeg", 3.0), "rgb"),
        "compute_flow, opencv, JPEG": (flow, "flow"),
        "measure_frames": (look, None),
    }
    frames = sum(shape[0] for shape in shapes.values())
    for stage, (run, written) in stages.items():
        run(paths[:1])
        began = time.process_time()
        run(paths)
        spent = 1000 * (time.process_time() - began)
        size = os.path.getsize(shard[written]) / 1000 if written else 0
        yield {"stage": stage, "ms": pixels * spent / frames, "kB": pixels * size / frames}


def row_of_logits(folder: Path, classes: int, rows: int = 20000) -> dict:
    """CPU ms and kB of one stored row."""
    rng, names = np.random.default_rng(0), np.array([f"{i:08d}" for i in range(rows)])
    logits = rng.normal(size=(rows, classes)).astype(np.float32)
    zeros = np.zeros(rows, int)
    began = time.process_time()
    path = folder / "logits.parquet"
    write_logits(path, LogitRows(names, zeros, zeros, logits, [str(c) for c in range(classes)]))
    spent = 1000 * (time.process_time() - began)
    return {"ms": spent / rows, "kB": os.path.getsize(path) / 1000 / rows}


def training_flops(network: str, classes: int) -> int:
    """Floating-point operations of a training step, forward and backward, for one RGB clip of 32 frames at 224."""
    made = build_network(network, classes, 3)
    with FlopCounterMode(display=False) as counter:
        made(torch.zeros(1, 3, 32, 224, 224)).sum().backward()
    return counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", default="results/benchmarks/scale.csv")
    for name, default in (("clips", 3), ("videos", 240_000), ("frames", 300), ("cores", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets = {"rendered": rendered(folder, options.clips), "real": real(options.clips)}
        lines = [
            {"clips": kind, **line, "units": options.videos * options.frames}
            for kind, paths in sets.items()
            if paths
            for line in measure(paths, folder)
        ]
        for classes in (11, 400):
            row = row_of_logits(folder, classes)
            lines.append(
                {"clips": "", "stage": f"a row of logits, {classes} classes", **row, "units": options.videos}
            )
    table = pd.DataFrame(lines)
    table["core hours"] = table["ms"] * table["units"] / 3.6e6
    table[f"h on {options.cores} cores"] = table["core hours"] / options.cores
    table["TB"] = table["kB"] * table["units"] / 1e9
    print(table.drop(columns="units").to_string(index=False, float_format="{:.3f}".format))
    network = "slowfast_r50_4x16"
    print(f"a training step of {network}: {training_flops(network, 400) / 1e9:.0f} GFLOP for each clip")
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
