"""
TV-L1 flow: CPU time per pair of frames and agreement, this library's presets against OpenCV, in one run.

    python benchmarks/flow.py [flow.csv] [--pairs 3]

Synthetic pairs of known motion, bright, and through a dark sensor with gamma 3.5 after it. CPU time of this
process, one thread, the least of three passes in which the methods take turns; errors are mean end-point
errors.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ukdlib.flow import tvl1
from ukdlib.gamma import correct_gamma
from ukdlib.tvl1_settings import PRESETS

SIZES = [(240, 320), (96, 128), (72, 96)]
PASSES = 3
Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def smooth(rng: np.random.Generator, cells: int, size: tuple[int, int]) -> np.ndarray:
    """Random picture float32 of `size`, with `cells` structures along its height."""
    coarse = rng.standard_normal((cells, cells * size[1] // size[0])).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def bright_pair(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two grey frames uint8 and the flow between them: smooth, and a disc that moves on its own."""
    rng = np.random.default_rng(seed)
    grey = sum(
        weight * smooth(rng, cells, size) for cells, weight in ((8, 2), (15, 2), (30, 2), (60, 1), (120, 0.5))
    )
    second = 128 + 110 * grey / np.abs(grey).max()
    flow = np.stack([smooth(rng, 4, size), smooth(rng, 4, size)], axis=-1)
    flow *= 0.015 * size[0] / np.abs(flow).max()
    y, x = np.indices(size, dtype=np.float32)
    flow[np.hypot(x - size[1] / 2, y - size[0] / 2) < 0.19 * size[0]] += np.float32([0.012, -0.008]) * size[0]
    places = x + flow[..., 0], y + flow[..., 1]
    first = cv2.remap(second, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return first.round().clip(0, 255).astype(np.uint8), second.round().astype(np.uint8), flow


def darkened(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The frame through a dark sensor (6 % exposure, shot and read noise, 8 bits), gamma-corrected."""
    counts = rng.poisson(frame * 0.4) * 0.15 + 1.5 * rng.standard_normal(frame.shape)
    return correct_gamma(counts.round().clip(0, 255).astype(np.uint8), 3.5)


def make_pairs(
    light: str, size: tuple[int, int], count: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    pairs = [bright_pair(seed, size) for seed in range(count)]
    if light == "bright":
        return pairs
    rng = np.random.default_rng(0)
    return [(darkened(first, rng), darkened(second, rng), flow) for first, second, flow in pairs]


def known_methods() -> dict[str, Method]:
    reference = cv2.optflow.DualTVL1OpticalFlow_create()
    methods: dict[str, Method] = {"OpenCV": lambda first, second: reference.calc(first, second, None)}
    for preset in PRESETS:
        methods[f"ukd {preset}"] = lambda first, second, preset=preset: tvl1(first, second, preset)
    return methods


def measure(light: str, size: tuple[int, int], count: int) -> list[dict]:
    """One row per method: ms per pair, errors in pixels to OpenCV's flow and to the true one."""
    pairs, methods = make_pairs(light, size, count), known_methods()
    flows, seconds = {}, dict.fromkeys(methods, np.inf)
    for method in methods.values():
        method(*pairs[0][:2])  # compile, warm up
    for _ in range(PASSES):
        for name, method in methods.items():
            start = time.process_time()
            flows[name] = [method(first, second) for first, second, _ in pairs]
            seconds[name] = min(seconds[name], (time.process_time() - start) / count)
    truth = [flow for *_, flow in pairs]
    return [
        {
            "size": f"{size[1]}x{size[0]}",
            "light": light,
            "method": name,
            "ms": 1e3 * seconds[name],
            "speed-up": seconds["OpenCV"] / seconds[name],
            "to OpenCV": end_point_error(flows[name], flows["OpenCV"]),
            "to truth": end_point_error(flows[name], truth),
        }
        for name in methods
    ]


def end_point_error(flows: list[np.ndarray], others: list[np.ndarray]) -> float:
    return float(np.mean([np.linalg.norm(a - b, axis=-1).mean() for a, b in zip(flows, others, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", nargs="?", default="results/benchmarks/flow.csv", help="file for the table")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of frames per size and light")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    lights = ("bright", "dark, gamma 3.5")
    rows = [row for size in SIZES for light in lights for row in measure(light, size, arguments.pairs)]
    table = pd.DataFrame(rows).round({"ms": 1, "speed-up": 1, "to OpenCV": 4, "to truth": 3})
    Path(arguments.csv).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.csv, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
