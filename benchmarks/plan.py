"""
The cost of a dry run on a data set of 5,361 videos: jobs, CPU seconds and resident memory of `snakemake -n`.

    python benchmarks/plan.py [videos] [out.csv] [--overlay FILE] [--target PATH]

The configuration is config/arid.yaml and, over it, the overlay. With the target of a single job it measures the
start of a cluster job, which reads configuration and lists again.
"""

import argparse
import csv
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLASSES = "Drink Jump Pick Pour Push Run Sit Stand Turn Walk Wave".split()


def fabricate(folder: Path, videos: int) -> None:
    """Empty video files and the lists that name them, where config/arid.yaml expects them."""
    lists = folder / "data/arid/list_cvt"
    for split in (0, 1):
        (lists / f"split_{split}").mkdir(parents=True)
    (lists / "mapping_table.txt").write_text("".join(f"{i}\t{name}\n" for i, name in enumerate(CLASSES)))
    lines = {"train": [], "test": []}
    for i in range(videos):
        name = CLASSES[i % 11]
        path = folder / f"data/arid/clips_v1.5/{name}/{name}_{i % 97}_{i}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        lines["test" if i % 97 > 60 else "train"].append(f"{i}\t{i % 11}\t{name}/{path.name}\n")
    for split in (0, 1):
        for subset, text in lines.items():
            (lists / f"split_{split}/split{split}_{subset}.txt").write_text("".join(text))
        (lists / f"split_{split}/split{split}_{'others' if split == 0 else 'other'}.txt").write_text(
            f"0\t0\tDrink/Drink_99_{videos}.mp4\n"
        )


def main(videos: int, out: str, overlay: list[str], target: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in (
            "Snakefile",
            "config.yaml",
            "config",
            "rules",
            "profiles",
            "envs",
            "workflow_scripts",
            "ukdlib",
        ):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        fabricate(folder, videos)
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--dry-run",
            *target,
            "--configfile",
            "config/arid.yaml",
        ]
        command += [str(Path(file).resolve()) for file in overlay]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        jobs = re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.M)[1]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = {
        "videos": videos,
        "jobs": int(jobs),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_memory_mb": used.ru_maxrss // 1024,
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    print(", ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="?", type=int, default=5361)
    parser.add_argument("out", nargs="?", default="results/benchmarks/plan.csv")
    parser.add_argument("--overlay", nargs="*", default=[])
    parser.add_argument("--target", nargs="*", default=[])
    main(**vars(parser.parse_args()))
