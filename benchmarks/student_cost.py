"""
The cost of a student's training step with K teachers: stored logits of 1 and 64, and teachers in memory, in turn.

The default configuration's student on random clips, one thread, every case in its own process; seconds are CPU time per
step (medians), memory the peak resident size of the process. Prints a line per case, `ratio` being to stored logits of
one teacher, step by step, and writes the lines as CSV.

  python benchmarks/student_cost.py [--steps 48]
"""

import argparse
from pathlib import Path

import pandas as pd
import yaml

from ukdlib.knowledge.cost import Setup, measure_costs, write_costs
from ukdlib.learning.augment import Modality

CASES = [("stored", 1), ("stored", 64), *(("online", count) for count in (1, 2, 4, 8))]
SCHEMA_DEFAULTS = {"flip": True, "batch_size": 16, "clip_grad": 40, "precision": "auto", "workers": 0}


def default_setup(steps: int) -> Setup:
    """The student of the cost table in config.yaml."""
    config = yaml.safe_load(Path("config.yaml").read_text())
    student = config["students"][config["cost"]["student"]]
    recipe = {**SCHEMA_DEFAULTS, **config["recipes"][student["recipe"]]}
    modality = Modality(student["modality"], mean=0.45, std=0.225, flow=False)
    classes = [f"class{i}" for i in range(11)]
    return Setup(config["networks"][student["network"]], recipe, modality, classes, "cpu", steps)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--out", default="results/benchmarks/student_cost.csv")
    options = parser.parse_args()
    lines = measure_costs(default_setup(options.steps), CASES)
    print(pd.DataFrame(lines).to_string(index=False, float_format="{:.3f}".format))
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    write_costs(options.out, lines)


if __name__ == "__main__":
    main()
