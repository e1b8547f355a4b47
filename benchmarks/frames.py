"""
Reading frames for a training: clips per CPU second from shards, compared with the source video by PyAV and OpenCV.

    python benchmarks/frames.py [frames.csv] [--clips 6] [--rounds 12]

A clip is 32 frames, every other one of a window of 64, at 320x240: what SlowFast 4x16 sees. Clips of Darkroom,
and, where UKD_ARID_CLIPS names a folder of real ones, those; as filmed and gamma-corrected, since brighter noise
makes larger JPEG files. One thread, CPU time of this process, the best of the rounds; files in the page cache.

Then the same shards inside a training, in CPU ms per clip of all that reads: batches of 16 by two threads, as trainings
read them, and by two processes of torch's DataLoader, as they did before; half of every round each, in turn.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from ukdlib.darkroom.clip import render_clip
from ukdlib.frames.gamma import correct_gamma
from ukdlib.frames.store import FrameStore, open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.learning.batches import Samples
from ukdlib.learning.clips import load_batches
from ukdlib.learning.views import frame_indices, random_views
from ukdlib.videos.decoding import read_video
from ukdlib.videos.inspection import write_video

SIZE, FPS, WINDOW, STRIDE = (240, 320), 30, 64, 2
BATCH = 16
RECIPE = {"frames": WINDOW // STRIDE, "stride": STRIDE, "batch_size": BATCH, "workers": 2}
Read = Callable[[str, np.ndarray], np.ndarray]


def rendered(folder: Path, count: int) -> list[str]:
    """Videos of Darkroom at least as long as a window."""
    paths: list[str] = []
    for group in range(1, 100):
        frames = render_clip(f"Walk_{group}_1", size=SIZE, fps=FPS)
        if len(frames) >= WINDOW:
            paths.append(str(folder / f"{group}.mp4"))
            write_video(paths[-1], frames, FPS)
        if len(paths) == count:
            return paths
    raise RuntimeError("Darkroom's clips are shorter than the window")


def real(count: int) -> list[str]:
    """The first real clips of that length and size, none if there are none."""
    found = []
    for path in sorted(Path(os.environ.get("UKD_ARID_CLIPS", "nowhere")).rglob("*.mp4")):
        frames = read_video(str(path))[0]
        if len(frames) >= WINDOW and frames.shape[1:3] == SIZE:
            found.append(str(path))
        if len(found) == count:
            break
    return found


def with_pyav(path: str, indices: np.ndarray) -> np.ndarray:
    """Decode up to the last wanted frame, convert only the wanted ones."""
    wanted, frames = set(indices.tolist()), []
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                frames.append(frame.to_ndarray(format="rgb24"))
            if number == indices[-1]:
                break
    return np.stack(frames)


def with_opencv(path: str, indices: np.ndarray) -> np.ndarray:
    """The same with OpenCV's reader."""
    wanted, frames = set(indices.tolist()), []
    reader = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    for number in range(indices[-1] + 1):
        reader.grab()
        if number in wanted:
            frames.append(cv2.cvtColor(reader.retrieve()[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames)


def clips_per_second(read: Read, names: list[str], lengths: dict[str, int], rounds: int) -> float:
    """The best round; in each, one random window of every video."""
    rng = np.random.default_rng(0)
    best = np.inf
    for _ in range(rounds):
        starts = {name: rng.integers(0, lengths[name] - WINDOW + 1) for name in names}
        began = time.process_time()
        for name in names:
            read(name, starts[name] + np.arange(0, WINDOW, STRIDE))
        best = min(best, (time.process_time() - began) / len(names))
    return 1 / best


def through_threads(store: FrameStore, samples: Samples) -> None:
    """A pass as in a training."""
    for _ in load_batches(store, samples, RECIPE):
        pass


def through_processes(store: FrameStore, samples: Samples) -> None:
    """The same by torch's DataLoader: processes that send batches through shared memory."""

    def read(positions: list[int]) -> torch.Tensor:
        starts = samples.views.start[positions]
        names = [samples.video_ids[position] for position in positions]
        lengths = [store.shape(name)[0] for name in names]
        indices = [
            frame_indices(*each, RECIPE["frames"], STRIDE) for each in zip(starts, lengths, strict=True)
        ]
        return torch.from_numpy(np.stack([store.window(*each) for each in zip(names, indices, strict=True)]))

    positions = list(range(len(samples.video_ids)))
    parts = [positions[begin : begin + BATCH] for begin in positions[::BATCH]]
    for _ in DataLoader(positions, batch_sampler=parts, collate_fn=read, num_workers=RECIPE["workers"]):
        pass


def in_training(shards: dict[str, str], paths: list[str], rounds: int) -> pd.DataFrame:
    """CPU ms per clip, of this process and those it started, by way of reading and kind of shard; medians."""
    lines = []
    names = [paths[number % len(paths)] for number in range(40 * BATCH)]
    stores = {kind: open_shards([path]) for kind, path in shards.items()}
    for store in stores.values():
        for path in paths:
            store.window(path, [0])  # its checksum
    for number in range(rounds):
        for kind, store in stores.items():
            views = random_views(names, [number] * len(names), 224, (224, 240))
            samples = Samples(names, views, np.arange(len(names)))
            for way in (through_threads, through_processes):
                began = sum(os.times()[:4])
                way(store, samples)
                lines.append((kind, way.__name__, 1000 * (sum(os.times()[:4]) - began) / len(names)))
    table = pd.DataFrame(lines, columns=["shard", "way", "ms"])
    wide = table.groupby(["shard", "way"])["ms"].median().unstack()
    return wide.assign(ratio=wide["through_processes"] / wide["through_threads"])


def measure(kind: str, paths: list[str], folder: Path, rounds: int) -> Iterator[dict]:
    """A line for each way of reading."""
    videos = {path: read_video(path)[0] for path in paths}
    lengths = {path: len(frames) for path, frames in videos.items()}
    for light, gamma in (("as filmed", 1.0), ("gamma 3", 3.0)):
        frames = {path: correct_gamma(video, gamma) for path, video in videos.items()}
        for codec in ("raw", "jpeg"):
            shard = str(folder / f"{kind}_{codec}_{gamma}.arrow")
            write_shard(shard, paths, frames.__getitem__, codec)
            size = os.path.getsize(shard) / sum(lengths.values()) / 1000
            rate = clips_per_second(open_shards([shard]).window, paths, lengths, rounds)
            yield {
                "clips": kind,
                "light": light,
                "from": f"shard, {codec}",
                "kB_per_frame": size,
                "clips_per_s": rate,
            }
    size = sum(map(os.path.getsize, paths)) / sum(lengths.values()) / 1000
    for name, read in (("video, PyAV", with_pyav), ("video, OpenCV", with_opencv)):
        rate = clips_per_second(read, paths, lengths, max(2, rounds // 4))
        yield {"clips": kind, "light": "as filmed", "from": name, "kB_per_frame": size, "clips_per_s": rate}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", default="results/benchmarks/frames.csv")
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        sets = {"rendered": rendered(Path(name), options.clips), "real": real(options.clips)}
        lines = [
            row
            for kind, paths in sets.items()
            if paths
            for row in measure(kind, paths, Path(name), options.rounds)
        ]
        shards = {codec: f"{name}/rendered_{codec}_3.0.arrow" for codec in ("raw", "jpeg")}
        inside = in_training(shards, sets["rendered"], max(1, options.rounds // 4))
    table = pd.DataFrame(lines)
    print(table.to_string(index=False, float_format="{:.1f}".format))
    print("files per shard: 1, whatever the number of frames")
    print("\ninside a training, CPU ms per clip")
    print(inside.to_string(float_format="{:.2f}".format))
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out, index=False, float_format="%.2f")


if __name__ == "__main__":
    main()
