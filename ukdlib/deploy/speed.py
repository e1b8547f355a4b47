"""How fast a model is on this machine: clips and latency, decoded pictures in, probabilities out."""

import os
import platform
import time

import numpy as np

from ukdlib.deploy.model import Model

WARM = 3  # clips before it is measured


def measure(model: Model, seconds: float, size: tuple[int, int]) -> dict[str, list[float]]:
    """
    Seconds that each clip of dark noise took, one at a time: {prepared: pictures (H, W) to frames, network: frames to
    probabilities, for one window}. At least WARM clips, for `seconds`.
    """
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 4000, (model.description.span + 1, *size, 3), np.uint16)
    taken: dict[str, list[float]] = {"prepared": [], "network": []}
    ends = None
    while ends is None or time.monotonic() < ends or len(taken["network"]) < WARM:
        began = time.perf_counter()
        frames = list(model.frames(lambda: pictures))
        between = time.perf_counter()
        model.probabilities(
            model.logits(
                np.stack(frames[: model.description.span : model.description.recipe["stride"]])[None]
            )
        )
        after = time.perf_counter()
        taken["prepared"].append(between - began)
        taken["network"].append(after - between)
        if ends is None and len(taken["network"]) == WARM:
            taken, ends = {"prepared": [], "network": []}, time.monotonic() + seconds
    return taken


def sentences(model: Model, taken: dict[str, list[float]], threads: int | None) -> list[str]:
    """What was measured, in words."""
    both = np.add(taken["prepared"], taken["network"])
    engine, count = model.engine, threads or len(os.sched_getaffinity(0))
    rate = model.description.reading["fps"]
    lines = [
        f"{model.description.name}: {engine.name} {engine.version} on {engine.device}, {count} threads, "
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}",
        f"{1 / both.mean():.1f} clips per second, one at a time ({len(both)} clips of "
        f"{model.description.span + 1} pictures)",
    ]
    lines += [_latency(name, np.array(values)) for name, values in [*taken.items(), ("both", both)]]
    if rate:
        busy = float(np.mean(taken["prepared"])) * rate / (model.description.span + 1)
        lines.append(
            f"a live camera at {rate:g} pictures per second keeps it busy for {busy:.1%} of the time with preparing, "
            f"and {np.mean(taken['network']) / 0.5:.1%} with an answer every half second"
        )
    return lines


def _latency(name: str, seconds: np.ndarray) -> str:
    half, most = np.quantile(seconds, [0.5, 0.95])
    return f"{name}: p50 {1000 * half:.1f} ms, p95 {1000 * most:.1f} ms"
