"""
Peak memory of every rule that handles frames, against the memory that it asks for: one long and one large video.

    python benchmarks/memory.py [FOLDER]

A workflow of its own in FOLDER (default: a temporary one) with videos of 20,000 frames of 320x240 and of 60 s of
1920x1080, and two short ones for a second class. Peaks are Snakemake's (benchmark files, resident memory, sampled).
"""

import ast
import csv
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).parents[1]
PARTS = ["Snakefile", "config.yaml", "config", "rules", "profiles", "envs", "workflow_scripts", "ukdlib"]
VIDEOS = {
    "Run/long": (20_000, 240, 320),
    "Run/large": (1800, 1080, 1920),
    "Walk/a": (64, 240, 320),
    "Walk/b": (64, 240, 320),
}
CONFIG = """
run: {dataset: own, device: cpu}
datasets:
  own: {videos: clips, shards: 1, splits: [{test_share: 0.5}], validation: 0}
modalities:
  dark: {of: video, transform: none}
  rgb: {of: video, transform: gamma, gamma: 3.0}
  again: {of: dark, transform: gamma, gamma: 2.0}
  retinex: {of: video, transform: retinex, sigmas: [3, 10]}
  flow: {of: rgb, transform: tvl1, preset: fast, bound: 20, short_side: 48, mean: 0.50196, std: 0.05}
"""


def film(path: Path, count: int, height: int, width: int) -> None:
    """A dark, noisy picture with a light that moves; ten seconds' worth of noise are repeated."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 24, (8, height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "30"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(count):
            frame = noise[number % 8].copy()
            left = number % (width - 32)
            frame[height // 3 : height // 2, left : left + 32] += 40
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def main(folder: Path) -> None:
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    for name, shape in VIDEOS.items():
        film(folder / f"clips/{name}.mp4", *shape)
    (folder / "memory.yaml").write_text(CONFIG)
    targets = [
        f"results/own/frames/{name}/shard0.arrow" for name in ("dark", "rgb", "again", "retinex", "flow")
    ]
    targets += [f"results/own/measured/{name}/shard0.parquet" for name in ("dark", "rgb", "flow")]
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--benchmark-extended",
        "--configfile",
        "memory.yaml",
        "--",
        *targets,
    ]
    subprocess.run(command, cwd=folder, check=True)
    print("| rule | modality | peak, MB | asked for, MB | CPU, s |\n| --- | --- | ---: | ---: | ---: |")
    for file in sorted((folder / "results/benchmarks").rglob("*.tsv")):
        with open(file) as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        modality = file.stem.removeprefix("own_").removesuffix("0").strip("_")
        asked = ast.literal_eval(row["resources"])["mem_mb"]
        peak, seconds = float(row["max_rss"]), float(row["cpu_time"])
        print(f"| {file.parent.name} | {modality} | {peak:.0f} | {asked} | {seconds:.0f} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
