"""
The cost of a student's training step with K teachers: stored logits of 1 and 64 in turn, then teachers in memory.

The default configuration's student on random clips, one thread, every case in its own process; seconds are
CPU time per step (median over the steps, then over the rounds), memory the peak resident size of the process.
Prints a line per case and the ratios K = 64 to K = 1, and writes the lines as CSV.

  python benchmarks/student_cost.py [--rounds 7] [--steps 24]
"""

import argparse
import csv
import statistics
from pathlib import Path

import yaml

from ukdlib.knowledge.cost import Case, measure_costs
from ukdlib.learning.augment import Modality

COUNTS = {"stored": [1, 64], "online": [1, 2, 4, 8]}
SCHEMA_DEFAULTS = {"flip": True, "batch_size": 16, "clip_grad": 40, "precision": "auto", "workers": 0}


def default_case(steps: int) -> Case:
    """The student of the cost table in config.yaml."""
    config = yaml.safe_load(Path("config.yaml").read_text())
    student = config["students"][config["cost"]["student"]]
    recipe = {**SCHEMA_DEFAULTS, **config["recipes"][student["recipe"]]}
    modality = Modality(student["modality"], mean=0.45, std=0.225, flow=False)
    classes = [f"class{i}" for i in range(11)]
    return Case(config["networks"][student["network"]], recipe, modality, classes, "cpu", steps)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--out", default="results/benchmarks/student_cost.csv")
    options = parser.parse_args()
    case = default_case(options.steps)
    lines = []
    for _ in range(options.rounds):
        lines += measure_costs(case, COUNTS["stored"], ["stored"])
    lines += measure_costs(case, COUNTS["online"], ["online"])
    for line in lines:
        print(
            ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in line.items()
            )
        )
    for column in ("seconds_per_step", "peak_memory_mb"):
        one, many = (
            [r[column] for r in lines if r["mode"] == "stored" and r["teachers"] == k] for k in (1, 64)
        )
        ratios = [b / a for a, b in zip(one, many, strict=True)]
        print(
            f"{column}, stored, K = 64 to K = 1: median of {len(ratios)} pairs {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f})"
        )
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    with open(options.out, "w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    main()
