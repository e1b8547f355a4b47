"""
What teachers are worth, what they cost, and how their fused target grows with their number, as tables.

All of it is on training clips that the teachers were not trained on (ukdlib.knowledge.held_out); runs are splits and
seeds. Intervals: 95 %, bootstrap over groups of clips, those of all runs together. A fusion that weights by labels
is helped by them here as it is when a student learns.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ukdlib.knowledge.held_out import HeldOut
from ukdlib.knowledge.worth import (
    fused_probabilities,
    leave_one_out,
    log_truth,
    sets_of,
    shapley_values,
    value_of,
)
from ukdlib.results.metrics import calibration_error
from ukdlib.results.statistics import bootstrap_interval

SETS = 64  # of a size at most, in the curve
MEAN = {"method": "mean", "h": 0.99, "weight_temperature": 1.0, "fuse_as": "probabilities"}


class Clips(NamedTuple):
    """The clips of all runs, one after the other, and the group of each."""

    runs: Sequence[HeldOut]
    groups: Sequence[str]

    @property
    def labels(self) -> np.ndarray:
        return np.concatenate([run.labels for run in self.runs])

    @property
    def teachers(self) -> int:
        return len(self.runs[0].logits)

    def target(self, chosen: int, fusion: dict[str, Any], tau: float) -> np.ndarray:
        """The fused target (N, C) of a set of the teachers."""
        return np.concatenate(
            [fused_probabilities(run.logits, run.labels, chosen, fusion, tau) for run in self.runs]
        )


def clips_of(runs: Sequence[HeldOut], groups: Mapping[int, Mapping[str, str]]) -> Clips:
    """The clips of some runs; groups: split -> video -> group, the same in all splits that have the video."""
    known = {video: group for of_split in groups.values() for video, group in of_split.items()}
    return Clips(runs, [known[video] for run in runs for video in run.video_ids.tolist()])


def worth_table(
    clips: Clips, names: Sequence[str], fusion: dict[str, Any], taus: Sequence[float]
) -> pd.DataFrame:
    """
    For each tau a row for each teacher, then one for all of them and one for none (a uniform target).

    value: minus the cross-entropy of its own target, nats; shapley, left_out: its share in the value of all, and what
    all lose without it, with intervals; sampling_error: of the share, 0 where it is exact; accuracy, ece: of its own
    target; ece_without: of the target of all others.
    """
    return pd.concat([_worth_at(clips, names, fusion, tau) for tau in dict.fromkeys(taus)], ignore_index=True)


def _worth_at(clips: Clips, names: Sequence[str], fusion: dict[str, Any], tau: float) -> pd.DataFrame:
    values = [value_of(run.logits, run.labels, fusion, tau) for run in clips.runs]
    count, whole = clips.teachers, 2**clips.teachers - 1
    parts = [shapley_values(value, count, seed) for seed, value in enumerate(values)]
    shares = np.concatenate([share for share, _ in parts], axis=1)
    sizes = [len(run.labels) for run in clips.runs]
    # of a mean over the clips of all runs, whose orders are drawn independently
    errors = np.sqrt(sum((size * error) ** 2 for size, (_, error) in zip(sizes, parts, strict=True))) / sum(
        sizes
    )
    lost = np.concatenate([leave_one_out(value, count) for value in values], axis=1)
    rows = [
        {
            "tau": tau,
            "teacher": name,
            **_scores(clips, clips.target(1 << k, fusion, tau)),
            **_interval("shapley", shares[k], clips.groups),
            "sampling_error": errors[k],
            **_interval("left_out", lost[k], clips.groups),
            "ece_without": calibration_error(clips.target(whole & ~(1 << k), fusion, tau), clips.labels),
        }
        for k, name in enumerate(names)
    ]
    for name, chosen in (("(all)", whole), ("(none)", 0)):
        rows.append({"tau": tau, "teacher": name, **_scores(clips, clips.target(chosen, fusion, tau))})
    return pd.DataFrame(rows)


def _scores(clips: Clips, target: np.ndarray) -> dict[str, float]:
    labels = clips.labels
    return {
        "value": float(log_truth(target, labels).mean()),
        "accuracy": float((target.argmax(axis=1) == labels).mean()),
        "ece": calibration_error(target, labels),
    }


def _interval(name: str, values: np.ndarray, groups: Sequence[str]) -> dict[str, float]:
    low, high = bootstrap_interval(values, groups)
    return {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}


def curve_table(clips: Clips, fusion: dict[str, Any], taus: Sequence[float]) -> pd.DataFrame:
    """
    For each tau, fusion method and number of teachers: cross_entropy and accuracy of the fused target with intervals,
    and its ece, means over `sets` sets of so many teachers (all, or SETS of them); lowest, highest of a set.
    """
    methods = {fusion["method"]: fusion, "mean": {**MEAN, "fuse_as": fusion["fuse_as"]}}
    if fusion["method"] == "single":
        methods = {"mean": methods["mean"]}
    sizes = range(1, clips.teachers + 1)
    rows = []
    for tau, (method, setting), size in product(dict.fromkeys(taus), methods.items(), sizes):
        sets = sets_of(clips.teachers, size, SETS)
        targets = (clips.target(chosen, setting, tau) for chosen in sets)
        losses, right, ece = zip(*(_clip_by_clip(target, clips.labels) for target in targets), strict=True)
        means = np.mean(losses, axis=1)
        rows.append(
            {
                "tau": tau,
                "method": method,
                "teachers": size,
                "sets": len(sets),
                **_interval("cross_entropy", np.mean(losses, axis=0), clips.groups),
                "lowest": means.min(),
                "highest": means.max(),
                **_interval("accuracy", np.mean(right, axis=0), clips.groups),
                "ece": float(np.mean(ece)),
            }
        )
    return pd.DataFrame(rows)


def _clip_by_clip(target: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Loss (N,), whether right (N,), and ECE of a target (N, C)."""
    return -log_truth(target, labels), target.argmax(axis=1) == labels, calibration_error(target, labels)


def prices(files: Mapping[str, Sequence[Sequence[str]]]) -> pd.DataFrame:
    """
    For each teacher the seconds of its jobs, and the CPU seconds, from the benchmark files.

    files: teacher -> stages, each the files of one kind of job: trainings, of which the mean over runs counts, then
    shards of flow, of which the sum. NaN where files are missing, as for networks that came as a file.
    """
    rows = []
    for teacher, (trainings, shards) in files.items():
        known = bool(trainings) and all(Path(path).exists() for path in (*trainings, *shards))
        row = {"teacher": teacher, "seconds": np.nan, "cpu_seconds": np.nan}
        if known:
            training, flow = (_sums(paths) for paths in (trainings, shards))
            row["seconds"], row["cpu_seconds"] = training / len(trainings) + flow
        rows.append(row)
    return pd.DataFrame(rows)


def _sums(paths: Sequence[str]) -> np.ndarray:
    """(seconds, CPU seconds) of all files together; a job that ran repeatedly counts with its last row."""
    read = [pd.read_csv(path, sep="\t", na_values="-").iloc[-1] for path in paths]
    return np.array([[row["s"], row["cpu_time"]] for row in read], float).reshape(-1, 2).sum(axis=0)


def students_table(students: Sequence[Mapping[str, Any]], clips: Clips, names: Sequence[str]) -> pd.DataFrame:
    """
    Students by the value of their fusion's target at temperature 1, the best first, and their accuracy.

    students: {name, teachers, fusion, metrics (of the runs: top1, interval)}. disagrees: the students with a target of
    less value that are more accurate.
    """
    rows = []
    for student in students:
        chosen = sum(1 << list(names).index(teacher) for teacher in student["teachers"])
        top1 = np.mean([run["top1"] for run in student["metrics"]])
        low, high = np.mean([run["interval"] for run in student["metrics"]], axis=0)
        value = float(log_truth(clips.target(chosen, student["fusion"], 1.0), clips.labels).mean())
        numbers = {"value": value, "top1": top1, "top1_low": low, "top1_high": high}
        rows.append({"student": student["name"], "teachers": len(student["teachers"]), **numbers})
    columns = ["student", "teachers", "value", "top1", "top1_low", "top1_high"]
    table = pd.DataFrame(rows, columns=columns).sort_values("value", ascending=False, ignore_index=True)
    beaten = [
        [
            other
            for other, value, top1 in zip(table["student"], table["value"], table["top1"], strict=True)
            if value < own.value and top1 > own.top1
        ]
        for own in table.itertuples()
    ]
    return table.assign(disagrees=[" ".join(others) for others in beaten])
