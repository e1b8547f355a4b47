"""
The knowledge page in a headless Chromium: size of the file, time to make it, to load it, to sort, filter and walk.

    python benchmarks/knowledge_page.py [--clips 5000] [--classes 11] [--teachers 3]

Clips are synthetic, each with a strip of pictures and one of flow, made of random walks of grey levels and noise like
those of a dark room. Loading is from opening the file until the first rows are drawn, by a wall clock, the best and
the worst of --times.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `tests`, which are not installed

from tests.chromium import PROGRAM, Browser, browser
from tests.unit.results.synthetic_facts import about, as_table, facts_of
from ukdlib.results.knowledge.clips import clips_of
from ukdlib.results.knowledge.page import write_pages
from ukdlib.results.knowledge.strips import MOMENTS, strip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument("--times", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "knowledge.html"
        print(f"{chosen.clips} clips, {chosen.classes} classes, {chosen.teachers} teachers")
        begin = time.process_time()
        make(path, chosen.clips, chosen.classes, chosen.teachers)
        print(f"made in {time.process_time() - begin:.1f} s of CPU, {path.stat().st_size / 1e6:.1f} MB")
        if PROGRAM is None:
            print("no Chromium is installed: not loaded")
            return
        with browser(Path(folder) / "profile") as tab:
            tab.size(1400, 900)
            measure(tab, path, chosen.times)


def make(path: Path, clips: int, classes: int, teachers: int) -> None:
    """The page of synthetic clips."""
    stated = about([f"class {n}" for n in range(classes)], [f"teacher {n}" for n in range(teachers)])
    facts = facts_of([f"clip {n}" for n in range(clips)], stated["classes"], stated["teachers"])
    write_pages([str(path)], clips_of(as_table(facts), stated, 0, 0), stated, pictures(1), pictures(2))


def pictures(seed: int) -> Callable[[str], str]:
    """Strips of scenes that are never the same twice."""
    rng = np.random.default_rng(seed)

    def made(_: str) -> str:
        """A smooth scene with noise of its own in each picture."""
        scene = cv2.resize(rng.uniform(40, 200, (6, 8, 3)).astype(np.float32), (128, 96))
        noise = rng.normal(0, 25, (MOMENTS, 96, 128, 3))
        return strip(np.clip(scene + noise, 0, 255).astype(np.uint8))

    return made


def measure(tab: Browser, path: Path, times: int) -> None:
    """Print the best and the worst time of everything that a reader waits for."""
    waits: dict[str, Callable[[], object]] = {
        "load": lambda: tab.open(path),
        "sort": lambda: tab.choose("sort", "1"),
        "filter": lambda: tab.choose("only", "1"),
        "search": lambda: tab.choose("search", "7"),
        "show all": lambda: (tab.see("document.getElementById('reset').click()"), tab.drawn()),
        "last clip": lambda: tab.press("End"),
        "next clip": lambda: tab.press("k"),
    }
    taken: dict[str, list[float]] = {name: [] for name in waits}
    for _ in range(times):
        for name, wait in waits.items():
            begin = time.perf_counter()
            wait()
            taken[name].append(time.perf_counter() - begin)
    for name, seconds in taken.items():
        print(f"{name:10} {min(seconds):6.3f} to {max(seconds):6.3f} s")
    tab.ask("HeapProfiler.collectGarbage")
    heap = tab.see("performance.memory.usedJSHeapSize") / 1e6
    print(f"{heap:.0f} MB of JavaScript heap, {tab.see('document.querySelectorAll(`*`).length')} elements")


if __name__ == "__main__":
    main()
