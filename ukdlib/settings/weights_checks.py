"""
Checks of the configuration's `weights` section; see ukdlib.settings.checks, which runs them.

Starting from weights that were trained on the test clips, or on those that a fold holds out, is a leak. The path
of a checkpoint of this workflow tells which data set and split it was trained on, before anything runs; a copy under
another path is found out by what the checkpoint says that it has seen (ukdlib.learning.seen).
"""

import os
import re
from collections.abc import Callable, Iterator
from string import Formatter

from ukdlib.settings.config import has_flow, has_frames

Problems = Iterator[str]
FILLED_IN = ("dataset", "split", "seed", "network", "modality")  # in the path of a file
OWN = re.compile(r"^results/(?P<dataset>[^/]+)/split(?P<split>[^/]+)/")  # a checkpoint of this workflow


def _placeholders(config: dict) -> Problems:
    for name, entry in config["weights"].items():
        for key in (part[1] for part in Formatter().parse(entry.get("file", "")) if part[1] is not None):
            if key not in FILLED_IN:
                yield f"weights.{name}.file has {{{key}}}; known placeholders: {', '.join(FILLED_IN)}"


def _leaks(config: dict) -> Problems:
    dataset = config["run"]["dataset"]
    for section, name, entry in _starting(config):
        place, file = f"weights.{entry['weights']}.file", config["weights"][entry["weights"]].get("file", "")
        own = OWN.match(os.path.normpath(file))
        if own is None or own["dataset"] not in (dataset, "{dataset}"):
            continue
        if own["split"] != "{split}":
            yield (
                f"{place} is {file!r}, trained on one split of {dataset}, but {section}.{name} starts from it on "
                "other splits, too: their test clips would leak; write split{split}"
            )
        folds = [fusion for fusion, made in config["fusions"].items() if made.get("out_of_fold")]
        for fusion in folds:
            if section == "teachers" and name in config["fusions"][fusion]["teachers"]:
                yield (
                    f"fusions.{fusion} is out_of_fold, but teachers.{name} starts from {file!r}, which was trained "
                    f"on the clips of {dataset} that a fold holds out; use weights from other data"
                )


def _levels(config: dict) -> Problems:
    """Images must be normalised as those that the weights were trained on; flow has no such reference."""
    for section, name, entry in _starting(config):
        weights, modality = config["weights"][entry["weights"]], config["modalities"][entry["modality"]]
        for key in ("mean", "std"):
            if (
                key in weights
                and has_frames(config, entry["modality"])
                and not has_flow(config, entry["modality"])
                and weights[key] != modality.get(key)
            ):
                yield (
                    f"{section}.{name} starts from weights.{entry['weights']}, trained with {key} {weights[key]}, but "
                    f"modalities.{entry['modality']}.{key} is {modality.get(key)}; they must agree"
                )


def _starting(config: dict) -> Iterator[tuple[str, str, dict]]:
    """(section, name, entry) of everything that starts from weights."""
    for section in ("teachers", "students"):
        for name, entry in config[section].items():
            if "weights" in entry:
                yield section, name, entry


WEIGHTS_CHECKS: tuple[Callable[[dict], Problems], ...] = (_placeholders, _leaks, _levels)
