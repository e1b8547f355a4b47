"""
TV-L1 flow: time per pair of frames and agreement of every backend and preset with OpenCV, in one run.

    python benchmarks/flow.py [flow.csv] [--pairs 3]

Synthetic pairs of known motion: bright, through a dark sensor, and the latter with gamma 3.5 after it; where
UKD_ARID_CLIPS names a folder of real clips, pairs of those, gamma-corrected (gamma 3). CPU time of this process, one
thread, the minimum of two passes that alternate between the methods; on a GPU, if there is one, device time of a
whole batch of such pairs, per pair. The two frames of a pair are shown back and forth, as a clip of four, because the
stage computes clips: per-frame work is done once. Errors are mean end-point errors, to OpenCV's flow and to the true
one.

Then what `backend: torch` does in that time: pairs per second, and ms per pair of the primal-dual steps, the median,
the warp and the rest, on a GPU or on the CPU (the device is in the table; the operations are timed one by one, so
that a GPU waits for the host between them, and their sum is more than a whole batch takes). And how often, summed
over all levels and per pixel of the finest, a pair is stepped, filtered and warped: times the bytes of a kernel
that is the least that its memory must move.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pandas as pd
import torch

from ukdlib.flow import tvl1_torch
from ukdlib.flow.clips import BACKENDS
from ukdlib.flow.tvl1_settings import PRESETS, Field, Settings, Steps
from ukdlib.flow.tvl1_tensors import Operations
from ukdlib.flow.tvl1_torch import pairs_at_once, solve_pairs
from ukdlib.frames.gamma import correct_gamma
from ukdlib.videos.decoding import read_video

SIZES = [(240, 320), (96, 128), (72, 96)]
PASSES = 2
TO_AND_FRO = 4  # frames
AS_FILMED = "dark, as filmed"
CORRECTED = "dark, gamma 3.5"
KERNEL_BYTES = {
    "step": 88,
    "smooth": 16,
    "sample": 32,
}  # read and written once per pixel: ukdlib.flow.tvl1_triton
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
    first, second = batch(pairs, torch.device("cuda"))
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


def batch(pairs: list, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """First and second frames uint8 (B, H, W); for a GPU as many as the solver takes at once, by repetition."""
    repeats = max(pairs_at_once(pairs[0][0].shape, device) // len(pairs), 1) if device.type == "cuda" else 1
    first, second = (torch.from_numpy(np.stack([pair[side] for pair in pairs] * repeats)) for side in (0, 1))
    return first.to(device), second.to(device)


# ---------------------------------------------------------------- what the time is spent on


def split(light: str, size: tuple[int, int], pairs: list) -> list[dict]:
    """One row per preset: pairs per second, ms per pair of each operation, work per pixel of the finest level."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    first, second = batch(pairs, device)
    rows = []
    for preset, settings in PRESETS.items():
        timed(first[:2], second[:2], settings)  # compile, warm up
        whole = seconds_of(lambda settings=settings: solve_pairs(first, second, settings), device)
        spent = timed(first, second, settings)
        work = counted(first, second, settings)
        moved = sum(KERNEL_BYTES[name] * times for name, times in work.items()) * size[0] * size[1]
        rows.append(
            {
                "device": torch.cuda.get_device_name() if device.type == "cuda" else "the CPU, one thread",
                "size": f"{size[1]}x{size[0]}",
                "frames": light,
                "preset": preset,
                "batch": len(first),
                "pairs/s": len(first) / whole,
                **{f"ms {name}": 1e3 * seconds / len(first) for name, seconds in spent.items()},
                **{f"{name}s": times for name, times in work.items()},
                "GB a pair": moved / 1e9,
            }
        )
    return rows


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Of the device; on a CPU those that the process computes."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    wait = torch.cuda.synchronize if device.type == "cuda" else int
    wait()
    start = clock()
    work()
    wait()
    return clock() - start


def timed(first: torch.Tensor, second: torch.Tensor, settings: Settings) -> dict[str, float]:
    """Seconds that a batch spends in each operation, and in the rest."""
    spent = dict.fromkeys(Operations._fields, 0.0)

    def watched(name: str, work: Callable) -> Callable:
        def run(*arguments: object) -> object:
            result = []
            spent[name] += seconds_of(lambda: result.append(work(*arguments)), first.device)
            return result[0]

        return run

    found = tvl1_torch.operations(first.device)
    with patch.object(tvl1_torch, "operations", lambda _: Operations(*map(watched, found._fields, found))):
        whole = seconds_of(lambda: solve_pairs(first, second, settings), first.device)
    return {**spent, "rest": whole - sum(spent.values())}


def counted(first: torch.Tensor, second: torch.Tensor, settings: Settings) -> dict[str, float]:
    """How often a pair is stepped, filtered and warped, in passes over its finest level; pairs at rest are not."""
    passes = dict.fromkeys(KERNEL_BYTES, 0.0)
    found = tvl1_torch.operations(first.device)

    def sample(images: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        passes["sample"] += flow[0].numel()
        return found.sample(images, flow)

    def smooth(flow: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        passes["smooth"] += int(moving.sum()) * flow[0, 0].numel()
        return found.smooth(flow, moving)

    def step(field: Field, steps: Steps, change: torch.Tensor) -> None:
        found.step(field, steps, change)
        passes["step"] += int((change[:-1] > steps.enough).sum()) * field.rho[0].numel()

    with patch.object(tvl1_torch, "operations", lambda _: Operations(sample, smooth, step)):
        solve_pairs(first, second, settings)
    return {name: pixels / first.numel() for name, pixels in passes.items()}


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
        for light in ("bright", AS_FILMED, CORRECTED):
            rows += measure(light, size, make_pairs(light, size, arguments.pairs))
    if real := real_pairs(SIZES[0], arguments.pairs):
        rows += measure("real, gamma 3", SIZES[0], real)
    table = pd.DataFrame(rows).round({"ms": 1, "speed-up": 1, "to OpenCV": 4, "to truth": 3})
    Path(arguments.csv).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.csv, index=False)
    print(table.to_string(index=False))
    small = make_pairs(CORRECTED, SIZES[1], arguments.pairs)
    where = [(CORRECTED, SIZES[0], make_pairs(CORRECTED, SIZES[0], arguments.pairs))]
    where += [
        ("bright", SIZES[1], make_pairs("bright", SIZES[1], arguments.pairs)),
        (CORRECTED, SIZES[1], small),
    ]
    parts = pd.DataFrame([row for each in where for row in split(*each)]).round(3)
    parts.to_csv(Path(arguments.csv).with_name("flow_parts.csv"), index=False)
    print(parts.to_string(index=False))
    if not torch.cuda.is_available():
        print("on a GPU: not measured, there is none")


if __name__ == "__main__":
    main()
