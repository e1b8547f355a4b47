"""
A training step inside a training: frames from a shard through reading, augmentation, network and optimizer.

    python benchmarks/training.py [--device cuda] [--network slowfast_r50_4x16 ...] [--steps 20] [--out training.csv]

A line for each way: codec of the shard, where frames are kept (recipe: cache), threads that read, compiled or not; ms
per step (median and mean of elapsed time, the mean with the wait for an epoch's first clips; on a CPU also CPU time),
clips per second, peak GB that torch allocated. Clips of noise, 320x240, as many as four batches of 16. On a CPU, where
a step of such a network takes long, the network and the recipe are those of config.yaml and clips 128x96.
"""

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.learning.augment import Modality
from ukdlib.learning.inference import prepare
from ukdlib.learning.kept import keep
from ukdlib.learning.optimization import Learner
from ukdlib.learning.training import Answers, Epoch, Lesson, learn
from ukdlib.machine.devices import choose_device
from ukdlib.networks import build_network

CLASSES, CLIPS, WARMUP = 11, 64, 5
COMMON = {
    "flip": True, "batch_size": 16, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 1,
    "epochs": 30, "lr": 0.01, "head_lr": 1, "freeze": [], "batch_norm": "train", "ema": 0, "save_memory": False,
    "clip_grad": 40, "precision": "auto",
}  # fmt: skip
LARGE = {"frames": 32, "stride": 2, "crop": 224, "short_side": [224, 288]}
RECIPES = {
    "slowfast_r50_4x16": LARGE,
    "nl_i3d_r101": LARGE,
    "ir_csn_r152": {**LARGE, "micro_batch": 8},
    "tpn_r50": {**LARGE, "frames": 8, "stride": 8},
}
WAYS = [  # codec, cache, workers, compile
    ("raw", "none", 0, False),
    ("raw", "none", 6, False),
    ("jpeg", "none", 6, False),
    ("raw", "device", 0, False),
    ("raw", "device", 0, True),
]


def small() -> tuple[dict[str, Any], dict[str, Any]]:
    """Network and recipe of config.yaml."""
    config = yaml.safe_load(Path("config.yaml").read_text())
    return config["networks"]["slowfast"], config["recipes"]["train"]


def noise(folder: str, size: tuple[int, int], length: int) -> dict[str, str]:
    """A shard of each codec."""
    rng = np.random.default_rng(0)
    video = rng.integers(0, 256, (length, *size, 3), dtype=np.uint8)
    paths = {codec: f"{folder}/{codec}.arrow" for codec in ("raw", "jpeg")}
    for codec, path in paths.items():
        write_shard(path, [f"v{number:03d}" for number in range(CLIPS)], lambda _: video, codec)
    return paths


def steps(learner: Learner, lesson: Lesson, recipe: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Seconds and CPU seconds of one step after another, for ever."""
    wait = torch.cuda.synchronize if learner.device.type == "cuda" else lambda: None
    number = 0
    while True:
        epoch = Epoch(number, lesson, recipe, 0)
        answers = Answers(lesson, number, learner.device)
        batches = epoch.batches(0)
        for _ in range(epoch.steps):
            began = time.perf_counter(), time.process_time()
            for batch in next(batches):
                learn(learner, epoch, batch, answers)
            learner.step(1.0, number)
            wait()
            yield time.perf_counter() - began[0], time.process_time() - began[1]
        number += 1


def measure(
    network: dict[str, Any], recipe: dict[str, Any], path: str, device: torch.device, count: int
) -> dict:
    """Medians of one way."""
    torch.manual_seed(0)
    gc.collect()  # what an earlier way has left
    store = open_shards([path])
    kept = keep(store, store.video_ids, recipe["cache"], device, recipe["workers"])
    lesson = Lesson(
        kept, store.video_ids, np.arange(CLIPS) % CLASSES, Modality("rgb", 0.45, 0.225, flow=False)
    )
    learner = Learner(prepare(build_network(num_classes=CLASSES, in_channels=3, **network), device), recipe)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    taken = list(islice(steps(learner, lesson, recipe), WARMUP, WARMUP + count))
    all_elapsed, all_used = zip(*taken, strict=True)
    elapsed, used = statistics.median(all_elapsed), statistics.median(all_used)
    peak = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else float("nan")
    rate = recipe["batch_size"] / elapsed
    mean = 1000 * statistics.mean(all_elapsed)
    return {
        "ms_per_step": 1000 * elapsed,
        "mean_ms": mean,
        "cpu_ms": 1000 * used,
        "clips_per_s": rate,
        "peak_gb": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--network", nargs="+", default=["slowfast_r50_4x16"], choices=list(RECIPES))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", default="results/benchmarks/training.csv")
    options = parser.parse_args()
    device = choose_device(options.device)
    if device.type == "cuda":
        asked = [(name, {"arch": name}, RECIPES[name]) for name in options.network]
        size, length = (240, 320), 96
        print(
            torch.cuda.get_device_name(), "CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version()
        )
    else:
        asked, size, length = [("config.yaml", *small())], (96, 128), 60
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        shards = noise(folder, size, length)
        for name, network, settings in asked:
            for codec, cache, workers, compiled in WAYS:
                way = {"workers": workers, "cache": cache, "compile": compiled}
                measured = measure(
                    network, {**COMMON, **settings, **way}, shards[codec], device, options.steps
                )
                lines.append({"network": name, "codec": codec, **way, **measured})
                print(lines[-1], flush=True)
    table = pd.DataFrame(lines)
    print(table.to_string(index=False, float_format="{:.2f}".format))
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out, index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
