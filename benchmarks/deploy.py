"""
Speed of packaged networks on a CPU, one thread: clips of a 320 x 240 camera, from pictures in memory to probabilities.

    python benchmarks/deploy.py

The demo's student and SlowFast R50 4x16 with PyTorch and ONNX Runtime, and beside each the two-stream network with its
TV-L1, which the single stream saves. Weights are random: speed does not depend on them. CPU time by process clock.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from ukdlib.artifacts.sealed_json import read_json
from ukdlib.deploy import load
from ukdlib.deploy.description import ONNX, ONNX_FACTS, WEIGHTS, read_description
from ukdlib.deploy.engines import Choice
from ukdlib.deploy.exporting import export
from ukdlib.deploy.packaging import package
from ukdlib.deploy.speed import measure
from ukdlib.learning.checkpoints import save_checkpoint
from ukdlib.learning.seen import Seen
from ukdlib.networks import initial_network

ROOT = Path(__file__).parents[1]
SIZE = (240, 320)
CLASSES = [f"class {number}" for number in range(11)]
GAMMA = {"of": "video", "transform": "gamma", "gamma": 3.0}
MOVING = {"of": "rgb", "transform": "moving"}
METRICS = {
    "top1": 0.0,
    "interval": [0, 0],
    "n": 0,
    "split": 0,
    "groups": [],
    "per_class": {},
    "confusion": [],
}
SMALL = {"frames": 8, "stride": 4, "crop": 48, "test_short_side": 52, "test_clips": 1, "test_crops": 1}
LARGE = {"frames": 32, "stride": 2, "crop": 224, "test_short_side": 256, "test_clips": 1, "test_crops": 1}


def flow(preset, short_side):
    return {
        "of": "rgb",
        "transform": "tvl1",
        "preset": preset,
        "bound": 20,
        "short_side": short_side,
        "backend": "numba",
    }


CASES = {  # name -> network, recipe, steps of the modality
    "demo's student": ("small", SMALL, [GAMMA, MOVING]),
    "demo's two streams: RGB": ("small", SMALL, [GAMMA]),
    "demo's two streams: flow": ("small", SMALL, [GAMMA, flow("fast", 72)]),
    "SlowFast R50 4x16": ("r50", LARGE, [GAMMA]),
    "SlowFast R50 4x16: flow": ("r50", LARGE, [GAMMA, flow("opencv", 240)]),
}
COMPARED = [  # a single stream, and the two of a two-stream network
    ("demo's student", "demo's two streams: RGB", "demo's two streams: flow"),
    ("SlowFast R50 4x16", "SlowFast R50 4x16", "SlowFast R50 4x16: flow"),
]
NETWORKS = {
    "small": yaml.safe_load((ROOT / "config.yaml").read_text())["networks"]["slowfast"],
    "r50": {"arch": "slowfast_r50_4x16", "frames": 32},
}


def packaged(folder: Path, network: dict, recipe: dict, steps: list[dict]) -> Path:
    """A model folder of random weights."""
    flows, moving = (any(step["transform"] == way for step in steps) for way in ("tvl1", "moving"))
    channels = 2 if flows else 3
    modality = {"name": "x", "mean": 0.45, "std": 0.225, "flow": flows, "moving": moving}
    metadata = {
        "network": network,
        "in_channels": channels,
        "classes": CLASSES,
        "modality": modality,
        "seed": 0,
    }
    metadata |= {"frames": json.dumps(steps), "recipe": recipe, "start": None, "seen": Seen({}).as_json()}
    checkpoint = folder / "checkpoint.safetensors"
    save_checkpoint(checkpoint, initial_network(network, len(CLASSES), channels, seed=0), metadata)
    stated = {
        "name": "x",
        "dataset": "none",
        "note": "",
        "licence": "none",
        "reading": {"fps": None, "max_megapixels": 9},
        "rates": [30.0],
    }
    package(folder, checkpoint, stated, (None, METRICS))
    windows = np.random.default_rng(0).integers(0, 256, (1, recipe["frames"], 72, 96, channels), np.uint8)
    export(folder, read_description(folder), windows)
    return folder


def per_clip(model, seconds: float) -> tuple[float, float, float, float]:
    """CPU seconds of a clip; in wall time the median of frames, and median and 95th percentile of the network."""
    began = time.process_time()
    taken = measure(model, seconds, SIZE)
    count = len(taken["network"]) + 3  # those that warm up, too
    half, most = np.quantile(taken["network"], [0.5, 0.95])
    return (
        (time.process_time() - began) / count,
        float(np.median(taken["prepared"])),
        float(half),
        float(most),
    )


def main() -> None:
    heads = ["one clip", "engine", "MB", "CPU ms", "p50: frames, ms", "p50: network, ms", "p95: network, ms"]
    print(f"| {' | '.join([*heads, 'ONNX - torch'])} |")
    print(f"|{' --- |' * (len(heads) + 1)}")
    costs, prepared = {}, {}
    for name, (network, recipe, steps) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = packaged(Path(folder), NETWORKS[network], recipe, steps)
            for engine in ("torch", "onnx"):
                model = load(path, engine, Choice("cpu", 1))
                cost, frames, half, most = per_clip(model, 10)
                costs[name, engine], prepared[name, engine] = cost, frames
                size = (path / (ONNX if engine == "onnx" else WEIGHTS)).stat().st_size
                cells = [
                    f"{size / 1e6:.1f}",
                    *(f"{1000 * value:.1f}" for value in (cost, frames, half, most)),
                ]
                difference = f"{read_json(path / ONNX_FACTS)['difference']:.0e}" if engine == "onnx" else ""
                print(f"| {' | '.join([name, engine, *cells, difference])} |", flush=True)
    for engine in ("torch", "onnx"):
        saved = []
        for single, rgb, flows in COMPARED:
            both = (
                costs[rgb, engine] - prepared[rgb, engine] + costs[flows, engine]
            )  # frames are corrected once
            saved.append(both / costs[single, engine])
        words = f"two streams cost {saved[0]:.1f} times the demo's student, {saved[1]:.1f} times one R50"
        print(f"\n{engine}: {words}")


if __name__ == "__main__":
    main()
