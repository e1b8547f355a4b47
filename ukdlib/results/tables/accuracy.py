"""
Tables 1 to 3: means over runs, intervals, differences to a baseline, the published number beside them.

A run is one split and seed. Intervals are from resampling groups (the clips of one person and scene) and seeds,
crossed, within each split; with one seed they include the variance over groups only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ukdlib.artifacts.sealed_json import read_json
from ukdlib.knowledge.logits import read_logits
from ukdlib.results.metrics import video_probabilities
from ukdlib.results.statistics import crossed_bootstrap, sign_test

KEYS = {
    "split",
    "seed",
    "role",
    "name",
    "n",
    "views",
    "top1",
    "ece",
    "per_class",
    "confusion",
    "interval",
    "groups",
}
DIFFERENCE = ("difference", "difference_low", "difference_high")
STEP = ("step", "step_low", "step_high")
ORIGIN = ("n", "views", "split no.", "seed no.", "pretraining")
UNLABELLED = "clips without labels"
PAPER = "paper, ARID v1.5"


@dataclass(frozen=True)
class Run:
    """
    Result of one split and seed: its metrics file with the group of each video, and `correct`, 0 or 1 by video name.

    fit: top-1 on the training clips in the last epoch, a share; NaN if not trained here.
    """

    metrics: dict
    correct: pd.Series
    fit: float = np.nan

    @property
    def groups(self) -> pd.Series:
        """The group of each video, by name."""
        return pd.Series(self.metrics["groups"], index=self.correct.index)

    @property
    def place(self) -> tuple[int, int]:
        """(split, seed): which run of the data set this is."""
        return self.metrics["split"], self.metrics["seed"]


def read_metrics(path: str) -> dict:
    """A metrics file; refused if keys are missing or its confusion matrix is not of its n and classes."""
    metrics = read_json(path)
    if missing := sorted(KEYS - metrics.keys()):
        raise ValueError(f"{path}: not a metrics file, it lacks {', '.join(missing)}")
    counts, classes = np.array(metrics["confusion"]), len(metrics["per_class"])
    if counts.shape != (classes, classes) or counts.sum() != metrics["n"]:
        raise ValueError(
            f"{path}: confusion has shape {counts.shape} and {counts.sum()} videos; "
            f"per_class has {classes} classes and n is {metrics['n']}"
        )
    return metrics


def read_run(metrics_path: str, logits_path: str, history_path: str | None = None) -> Run:
    """Metrics, logits and history of one run; refused if the logits do not give the n and top-1 of the metrics."""
    metrics, rows = read_metrics(metrics_path), read_logits(logits_path)
    ids, labels, probs, _ = video_probabilities(rows.video_ids, rows.labels, rows.logits)
    correct = pd.Series((probs.argmax(axis=1) == labels).astype(float), index=ids)
    if len(ids) != metrics["n"] or abs(correct.mean() - metrics["top1"]) > 1e-6:
        raise ValueError(
            f"{metrics_path}: n {metrics['n']} and top1 {metrics['top1']:.4f}, "
            f"but {logits_path} has n {len(ids)} and top1 {correct.mean():.4f}"
        )
    fit = pd.read_csv(history_path)["top1"].iloc[-1] if history_path else np.nan
    return Run(metrics, correct, fit)


def read_rows(
    metrics: dict[str, list[str]], logits: dict[str, list[str]], histories: Mapping[str, Sequence[str | None]]
) -> dict[str, list[Run]]:
    """Row label -> its runs, from row label -> a file of each run; histories: of the rows that were trained."""
    rows = {}
    for label, paths in metrics.items():
        fits = histories.get(label, [None] * len(paths))
        rows[label] = [read_run(*files) for files in zip(paths, logits[label], fits, strict=True)]
    return rows


def summarise(
    rows: dict[str, list[Run]],
    baseline: str,
    paper: dict[str, float],
    pretraining: dict[str, str] | None = None,
    steps: bool = False,
) -> pd.DataFrame:
    """
    A line per row label: accuracies in percent, differences to the row `baseline` in points, 95 % intervals.

    Every row needs the baseline's runs, each on the same videos. paper: label -> published top-1, %;
    pretraining: label -> pretraining of its networks, "none" if absent; steps: differences to the row before, too.
    n counts every video once; sd is over runs and empty for a single one.
    """
    for place, names in {"baseline": {baseline}, "paper": set(paper)}.items():
        if names - set(rows):
            raise ValueError(
                f"{place} names {sorted(names - set(rows))}, no row of the table; rows: {list(rows)}"
            )
    lines, started = [], pretraining or {}
    before: list[Run] | None = None
    for label, runs in rows.items():
        _check_paired(label, runs, baseline, rows[baseline])
        line = {"row": label, **_accuracy(runs), **_gain(runs, rows[baseline])}
        if steps:
            gain = _gain(runs, before or runs)
            line |= {name: gain[key] for name, key in zip(STEP, DIFFERENCE, strict=True)}
            before = runs
        lines.append(
            {
                **line,
                PAPER: paper.get(label, np.nan),
                **_origin(runs),
                UNLABELLED: _without_labels(runs),
                "pretraining": _history(runs, started.get(label, "none")),
            }
        )
    return pd.DataFrame(lines).set_index("row")


def _without_labels(runs: list[Run]) -> str:
    """How many clips without labels a student has learnt from: in each split, if the numbers differ."""
    counts = sorted({int(run.metrics.get("source", {}).get("unlabelled", 0)) for run in runs})
    return " or ".join(map(str, counts))


def _history(runs: list[Run], note: str) -> str:
    """The note on pretraining; with the weights and logits, its own or its teachers', whose training is unknown."""
    stated = (json.loads(run.metrics.get("source", {}).get("unknown", "[]")) for run in runs)
    unknown = sorted({source for sources in stated for source in sources})
    return f"{note}; seen before: unknown ({', '.join(unknown)})" if unknown else note


def read_summary(path: str) -> pd.DataFrame:
    """A summarised table again from its csv file."""
    return pd.read_csv(path, dtype={"row": str}, keep_default_na=False, na_values=[""]).set_index("row")


def video_values(runs: list[Run]) -> pd.Series:
    """A value of each of V videos, by name, such that their mean is the mean over runs of the accuracies."""
    shares = pd.concat([run.correct / len(run.correct) for run in runs]).groupby(level=0).sum()
    return shares * len(shares) / len(runs)


def blocks(runs: list[Run]) -> list[np.ndarray]:
    """For each split, correct by seed and video, (seeds, videos); every seed has the split's videos, in order."""
    splits = sorted({run.metrics["split"] for run in runs})
    return [np.stack([run.correct for run in runs if run.metrics["split"] == split]) for split in splits]


def groups_of(runs: list[Run]) -> list[list[str]]:
    """For each split the groups of its videos, in the order of blocks."""
    by_split = {run.metrics["split"]: run.groups.tolist() for run in runs}
    return [by_split[split] for split in sorted(by_split)]


def _check_paired(label: str, runs: list[Run], baseline: str, others: list[Run]) -> None:
    """Differences are between the same videos in the same runs: refuse any other row."""
    own, wanted = ({run.place: run.correct.index for run in each} for each in (runs, others))
    if own.keys() != wanted.keys() or len(own) < len(runs):
        raise ValueError(
            f"row {label!r} has (split, seed) {[run.place for run in runs]}, "
            f"the baseline {baseline!r} {list(wanted)}"
        )
    for place, videos in own.items():
        if not videos.equals(wanted[place]):
            odd = videos.symmetric_difference(wanted[place])
            raise ValueError(
                f"row {label!r}, split {place[0]}, seed {place[1]}: not the test videos of {baseline!r}: "
                f"{len(odd)} are in only one of them, such as {odd[0]!r}"
            )


def _accuracy(runs: list[Run]) -> dict[str, float]:
    """Mean and sd over runs and interval of the mean, in %."""
    tops = [run.metrics["top1"] for run in runs]
    spread = np.std(tops, ddof=1) if len(tops) > 1 else np.nan
    low, high = crossed_bootstrap(blocks(runs), groups_of(runs))
    error, fit = (
        float(np.mean(values)) for values in ([r.metrics["ece"] for r in runs], [r.fit for r in runs])
    )
    names = ("top1", "sd", "low", "high", "ece", "fit")
    return _percent(names, (np.mean(tops), spread, low, high, error, fit))


def _gain(runs: list[Run], reference: list[Run]) -> dict[str, float]:
    """Difference to the baseline and its interval, in points, and p; empty for the baseline itself."""
    if runs is reference:
        return dict.fromkeys((*DIFFERENCE, "p"), np.nan)
    own, other = (sorted(each, key=lambda run: run.place) for each in (runs, reference))
    apart = [a - b for a, b in zip(blocks(own), blocks(other), strict=True)]
    difference = np.mean([block.mean() for block in apart])
    ours, theirs = (video_values(each) for each in (own, other))
    known = pd.concat([run.groups for run in own])
    groups = known[~known.index.duplicated()].loc[ours.index].tolist()
    _, _, p = sign_test(ours.to_numpy(), theirs.to_numpy(), groups)
    return {**_percent(DIFFERENCE, (difference, *crossed_bootstrap(apart, groups_of(own)))), "p": p}


def _origin(runs: list[Run]) -> dict[str, object]:
    """The data behind the numbers of a row."""
    columns = {"views": "views", "split no.": "split", "seed no.": "seed"}
    found = {column: sorted({run.metrics[key] for run in runs}) for column, key in columns.items()}
    texts = {column: _listed(values) for column, values in found.items()}
    return {"n": len(video_values(runs)), **texts}


def _listed(numbers: list[int]) -> str:
    """0, 1 or, of three and more in a row, 0 – 4."""
    in_a_row = len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} – {numbers[-1]}" if in_a_row else ", ".join(map(str, numbers))


def _percent(names: Sequence[str], shares: Sequence[float | np.floating]) -> dict[str, float]:
    return {name: 100 * float(share) for name, share in zip(names, shares, strict=True)}
