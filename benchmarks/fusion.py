"""
Fusion of stored logits: time for a million rows of two teachers, and memory by number of teachers.

Prints a line per case and writes them as CSV. Every case runs in its own process with one thread; seconds
are CPU time from opening the teachers' files to the finished file of the fusion, memory is the peak resident
size of that process, libraries included. Logits are random numbers.

  python benchmarks/fusion.py [--rows 1000000] [--classes 11] [--method pkd]
"""

import os

for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(pool, "1")

import argparse
import csv
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

VIEWS = 4
SETTING = {
    "tau": 20.0,
    "h": 0.99,
    "weight_temperature": 1.0,
    "fuse_as": "probabilities",
    "out_of_fold": False,
    "consensus": False,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the timed case")
    parser.add_argument(
        "--memory-rows", type=int, default=100_000, help="rows where memory is compared over K"
    )
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--method", default="pkd")
    parser.add_argument("--out", default="results/benchmarks/fusion.csv")
    options = parser.parse_args()
    cases = [(2, options.rows, "view"), (2, options.rows, "video")]
    cases += [(teachers, options.memory_rows, "view") for teachers in (1, 2, 8, 64)]
    lines = [measure(*case, options.classes, options.method) for case in cases]
    for line in lines:
        print(", ".join(f"{key} {value}" for key, value in line.items()))
    peaks = {line["teachers"]: line["peak_memory_mb"] for line in lines[2:]}
    print(f"peak memory at K = 64 against K = 2: {peaks[64] / peaks[2]:.3f}")
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    with open(options.out, "w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)


def measure(teachers: int, rows: int, target: str, classes: int, method: str) -> dict:
    """One case: files are written and fused in separate processes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/teacher{k}.parquet" for k in range(teachers)]
        for seed, path in enumerate(paths):
            in_own_process(write_teacher, path, rows, classes, seed)
        seconds, memory = in_own_process(fuse, f"{folder}/fused.parquet", paths, method, target)
    return {
        "method": method,
        "teachers": teachers,
        "rows": rows,
        "classes": classes,
        "target": target,
        "cpu_seconds": round(seconds, 2),
        "peak_memory_mb": round(memory, 1),
    }


def in_own_process(function, *arguments):
    """What the function returns in a fresh interpreter, whose memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def write_teacher(path: str, rows: int, classes: int, seed: int) -> None:
    from ukdlib.knowledge.logits import LogitRows, write_logits

    videos = -(-rows // VIEWS)
    video_ids = np.repeat([f"Class_{i:07d}" for i in range(videos)], VIEWS)[:rows]
    labels = np.repeat(np.arange(videos) % classes, VIEWS)[:rows]
    logits = np.random.default_rng(seed).normal(scale=3, size=(rows, classes)).astype(np.float32)
    views = np.tile(np.arange(VIEWS), videos)[:rows]
    write_logits(path, LogitRows(video_ids, views, labels, logits, [str(c) for c in range(classes)]))


def fuse(output: str, paths: list[str], method: str, target: str) -> tuple[float, float]:
    """(CPU seconds, peak memory in MB)."""
    from ukdlib.knowledge.ensemble import fuse_files

    began = time.process_time()
    fuse_files(output, paths, {**SETTING, "method": method, "target": target}, {})
    return time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
