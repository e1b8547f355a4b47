"""
TV-L1 flow: time per pair of frames and agreement of every backend and preset with OpenCV, in one run.

    python benchmarks/flow.py [flow.csv] [--pairs 3]

Synthetic pairs of known motion: bright, through a dark sensor, and the latter with gamma 3.5 after it; where
UKD_ARID_CLIPS names a folder of real clips, pairs of those, gamma-corrected (gamma 3). CPU time of this process, one
thread, the minimum of two passes that alternate between the methods; on a GPU, if there is one, device time of a
batch of 256 such pairs, per pair. The two frames of a pair are shown back and forth, as a clip of four, because the
stage computes clips: per-frame work is done once. Errors are mean end-point errors, to OpenCV's flow and to the true
one.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from ukdlib.flow.clips import BACKENDS
from ukdlib.flow.tvl1_settings import PRESETS
from ukdlib.flow.tvl1_torch import PAIRS, solve_pairs
from ukdlib.frames.gamma import correct_gamma
from ukdlib.videos.decoding import read_video

SIZES = [(240, 320), (96, 128), (72, 96)]
PASSES = 2
TO_AND_FRO = 4  # frames
AS_FILMED = "dark, as filmed"
Method = Callable[[np.ndarray], np.ndarray]  # a clip (T, H, W) -> its flow (T - 1, H, W, 2)


def smooth(rng: np.random.Generator, cells: int, size: tuple[int, int]) -> np.ndarray:
    """Random image float32 of `size`, with `cells` structures along its height."""
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


def darkened(frame: np.ndarray, rng: np.random.Generator, gamma: float) -> np.ndarray:
    """The frame through a dark sensor (6 % exposure, shot and read noise, 8 bits), then gamma-corrected."""
    counts = rng.poisson(frame * 0.4) * 0.15 + 1.5 * rng.standard_normal(frame.shape)
    return correct_gamma(counts.round().clip(0, 255).astype(np.uint8), gamma)


def make_pairs(
    light: str, size: tuple[int, int], count: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    pairs = [bright_pair(seed, size) for seed in range(count)]
    if light == "bright":
        return pairs
    rng = np.random.default_rng(0)
    gamma = 1.0 if light == AS_FILMED else 3.5
    return [
        (darkened(first, rng, gamma), darkened(second, rng, gamma), flow) for first, second, flow in pairs
    ]


def real_pairs(size: tuple[int, int], count: int) -> list[tuple[np.ndarray, np.ndarray, None]]:
    """Two neighbouring frames from the middle of the first real clips of that size, corrected; motion unknown."""
    found: list[tuple[np.ndarray, np.ndarray, None]] = []
    for path in sorted(Path(os.environ.get("UKD_ARID_CLIPS", "nowhere")).rglob("*.mp4")):
        frames = read_video(str(path))[0]
        if len(found) == count:
            break
        if frames.shape[1:3] == size:
            middle = correct_gamma(frames[len(frames) // 2 :][:2], 3.0)
            found.append((*(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in middle), None))
    return found


def known_methods() -> dict[str, Method]:
    """The reference first."""

    def method(backend: str, preset: str = "opencv") -> Method:
        return lambda clip: next(BACKENDS[backend]([clip], PRESETS[preset], None))

    presets = {f"numba, {preset}": method("numba", preset) for preset in PRESETS}
    others = {"torch on the CPU, opencv": method("torch"), "DIS": method("dis")}
    return {"OpenCV": method("opencv"), **presets, **others}


def measure(light: str, size: tuple[int, int], pairs: list) -> list[dict]:
    """One row per method: ms per pair, errors in pixels to OpenCV's flow and to the true one."""
    methods = known_methods()
    clips = [np.stack([first, second] * (TO_AND_FRO // 2)) for first, second, _ in pairs]
    flows, seconds = {}, dict.fromkeys(methods, np.inf)
    for method in methods.values():
        method(clips[0][:2])  # compile, warm up
    for _ in range(PASSES):
        for name, method in methods.items():
            start = time.process_time()
            flows[name] = [method(clip)[0] for clip in clips]
            spent = (time.process_time() - start) / (len(clips) * (TO_AND_FRO - 1))
            seconds[name] = min(seconds[name], spent)
    rows = [(name, 1e3 * seconds[name], flows[name]) for name in methods] + on_gpu(pairs)
    truth = [flow for *_, flow in pairs]
    return [
        {
            "size": f"{size[1]}x{size[0]}",
            "frames": light,
            "method": name,
            "ms": milliseconds,
            "speed-up": rows[0][1] / milliseconds,
            "to OpenCV": end_point_error(found, flows["OpenCV"]) if found else np.nan,
            "to truth": end_point_error(found, truth) if found and truth[0] is not None else np.nan,
        }
        for name, milliseconds, found in rows
    ]


def on_gpu(pairs: list) -> list[tuple[str, float, list[np.ndarray]]]:
    """(name, ms per pair, flows) of each preset on a GPU; no row if there is none."""
    if not torch.cuda.is_available():
        return []
    rows = []
    repeats = -(-PAIRS // len(pairs))
    first, second = (torch.from_numpy(np.stack([p[side] for p in pairs] * repeats)).cuda() for side in (0, 1))
    for preset, settings in PRESETS.items():
        solve_pairs(first, second, settings)  # compile
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        flow = solve_pairs(first, second, settings)
        ended.record()
        torch.cuda.synchronize()
        found = list(flow[: len(pairs)].cpu().numpy())
        rows.append((f"torch on the GPU, {preset}", began.elapsed_time(ended) / len(first), found))
    return rows


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
    torch.set_num_threads(1)
    rows = []
    for size in SIZES:
        for light in ("bright", AS_FILMED, "dark, gamma 3.5"):
            rows += measure(light, size, make_pairs(light, size, arguments.pairs))
    if real := real_pairs(SIZES[0], arguments.pairs):
        rows += measure("real, gamma 3", SIZES[0], real)
    table = pd.DataFrame(rows).round({"ms": 1, "speed-up": 1, "to OpenCV": 4, "to truth": 3})
    Path(arguments.csv).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.csv, index=False)
    print(table.to_string(index=False))
    if not torch.cuda.is_available():
        print("on a GPU: not measured, there is none")


if __name__ == "__main__":
    main()
