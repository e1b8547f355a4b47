"""A packaged network, made once, of random weights; and videos to use it on."""

import json
import shutil

import numpy as np
import pytest

from ukdlib.learning.seen import Seen
from ukdlib.networks import initial_network
from ukdlib.videos.inspection import write_video

CLASSES = ["Run", "Sit", "Wave"]
NETWORK = {
    "arch": "slowfast",
    "depth": 18,
    "width": 8,
    "alpha": 4,
    "frames": 4,
    "fast_stem": [5, 3, 3],
    "dropout": 0.0,
}
RECIPE = {
    "frames": 4, "stride": 2, "crop": 16, "short_side": [16, 20], "test_short_side": 18, "test_clips": 2,
    "test_crops": 3, "batch_size": 4, "precision": "auto", "workers": 0,
}  # fmt: skip
CHAIN = [
    {"of": "video", "transform": "gamma", "gamma": 2.5, "codec": "raw", "mean": 0.45, "std": 0.225},
    {"of": "rgb", "transform": "moving", "codec": "raw", "mean": 0.45, "std": 0.225},
]
METRICS = {
    "top1": 0.5, "interval": [0.25, 0.75], "n": 4, "split": 0, "groups": ["a", "b", "b", "a"],
    "per_class": {"Run": 1.0, "Sit": 0.5, "Wave": None}, "confusion": [[2, 0, 0], [0, 1, 1], [0, 0, 0]],
}  # fmt: skip
CALIBRATION = {
    "n": 4, "temperature": 1.5,
    "curve": [{"threshold": 0.9, "coverage": 0.5, "risk": 0.0}, {"threshold": 0.3, "coverage": 1.0, "risk": 0.25}],
    "test": {"before": {"ece": 0.2, "nll": 1.0}, "after": {"ece": 0.1, "nll": 0.9}},
}  # fmt: skip
STATED = {
    "name": "night",
    "dataset": "darkroom",
    "note": "synthetic",
    "licence": "apache-2.0",
    "reading": {"fps": None, "max_megapixels": 9.0},
    "rates": [15.0, 15.0],
}


def make_checkpoint(path, network=NETWORK, chain=CHAIN, channels=3):
    """A checkpoint as a training writes it, with batch statistics of some clips."""
    import torch  # here, so that an environment without it can skip the tests that need it

    from ukdlib.learning.checkpoints import save_checkpoint

    made = initial_network(network, len(CLASSES), channels, seed=0)
    made(torch.rand(4, channels, 4, 16, 16))
    moving, flow = chain[-1]["transform"] == "moving", any(step["transform"] == "tvl1" for step in chain)
    modality = {"name": "x", "mean": 0.45, "std": 0.225, "flow": flow, "moving": moving}
    metadata = {
        "network": network, "in_channels": channels, "classes": CLASSES, "modality": modality,
        "frames": json.dumps(chain), "recipe": RECIPE, "seed": 0, "start": None,
        "seen": Seen({"darkroom/a": "1"}).as_json(),
    }  # fmt: skip
    save_checkpoint(path, made, metadata)
    return path


def make_model(folder, calibration=CALIBRATION, rates=STATED["rates"], **changed):
    """A model folder without graph; changed: arguments of make_checkpoint."""
    from ukdlib.deploy.packaging import package

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = make_checkpoint(folder / "checkpoint.safetensors", **changed)
    package(folder, checkpoint, {**STATED, "rates": rates}, (calibration, METRICS))
    checkpoint.unlink()
    return folder


@pytest.fixture(scope="session")
def packaged(tmp_path_factory):
    """A model with its graph, never to be changed."""
    from ukdlib.deploy.description import read_description
    from ukdlib.deploy.exporting import export

    folder = make_model(tmp_path_factory.mktemp("model") / "night")
    windows = np.random.default_rng(0).integers(0, 256, (3, 4, 24, 32, 3), np.uint8)
    export(folder, read_description(folder), windows)
    return folder


@pytest.fixture
def model_folder(packaged, tmp_path):
    """A copy of it, to change."""
    return shutil.copytree(packaged, tmp_path / "night")


def film(path, seconds=2.0, size=(32, 48), seed=0, fps=15):
    """A dark video of noise that changes slowly; its frames as encoded are not returned."""
    rng = np.random.default_rng(seed)
    count = round(seconds * fps)
    base = rng.integers(5, 40, (1, *size, 3))
    moving = np.stack([np.roll(base[0], number, axis=1) for number in range(count)])
    write_video(str(path), moving.astype(np.uint8), fps, crf=10)
    return str(path)
