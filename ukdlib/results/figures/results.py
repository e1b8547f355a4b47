"""Figures of the test results: accuracy by arm and by class, confusion, calibration."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukdlib.knowledge.logits import LogitRows
from ukdlib.results.figures.style import DARK, INK, LIGHT, MUTED, styled
from ukdlib.results.metrics import BINS, calibration_error, video_probabilities

ROLES = {
    "teachers": "trained alone",
    "students": "distilled, one network",
    "fusions": "several networks at once",
}


@styled
def accuracy(results: dict[str, list[dict]], paper: dict[str, float]) -> Figure:
    """
    Top-1 of every arm: dot = mean over runs, bar = 95 % interval, ticks = runs, hollow = the paper's number.

    results: label -> metrics of its runs (role, top1, interval); the dotted line is the first label. With
    several runs the bar is the mean of their intervals. paper: label -> published percentage.
    """
    members = {role: [label for label, runs in results.items() if runs[0]["role"] == role] for role in ROLES}
    lines = [line for role, labels in members.items() if labels for line in (role, *labels)]
    figure = Figure(figsize=(7.2, 0.6 + 0.27 * len(lines)))
    axes = figure.subplots()
    left: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    for y, line in enumerate(lines):
        if line in ROLES:
            axes.text(-0.02, y, ROLES[line], color=MUTED, fontsize=7.5, style="italic", **left)
        else:
            axes.text(-0.02, y, line, **left)
            _accuracy_line(axes, y, results[line], paper.get(line))
    label, runs = next(iter(results.items()))
    axes.axvline(
        100 * np.mean([run["top1"] for run in runs]), color=MUTED, lw=1, ls=":", zorder=0, label=label
    )
    if paper:
        axes.plot([], [], "D", mfc="none", mec=INK, mew=0.9, ms=4.5, label="paper, ARID v1.5")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, frameon=False)
    axes.set(ylim=(len(lines) - 0.4, -0.6), yticks=[], xlabel="top-1 accuracy, %")
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure


def _accuracy_line(axes: Axes, y: int, runs: list[dict], published: float | None) -> None:
    """One arm at height y, its number on the right."""
    tops = 100 * np.array([run["top1"] for run in runs])
    low, high = 100 * np.mean([run["interval"] for run in runs], axis=0)
    colour = LIGHT if runs[0]["role"] == "teachers" else DARK
    axes.plot([low, high], [y, y], color=colour, lw=3.5, alpha=0.3, solid_capstyle="butt")
    if len(runs) > 1:
        axes.plot(tops, np.full(len(tops), y), "|", color=colour, ms=9, mew=1)
    axes.plot(tops.mean(), y, "o", color=colour, ms=6.5)
    if published is not None:
        axes.plot(published, y, "D", mfc="none", mec=INK, mew=0.9, ms=4.5)
    axes.text(1.02, y, f"{tops.mean():.1f}", transform=axes.get_yaxis_transform(), va="center", weight="bold")


@styled
def ladder(tables: dict[str, list[pd.DataFrame]], titles: dict[str, str]) -> Figure:
    """
    Top-1 from step to step, a panel for each table: dot and 95 % interval, and beside it what the step adds.

    tables: name -> the one table, as ukdlib.results.tables.accuracy.summarise makes it with steps; titles: by name.
    """
    heights = [0.75 + 0.36 * len(table) for (table,) in tables.values()]
    figure = Figure(figsize=(8.2, sum(heights)))
    grid = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (name, (table,)) in zip(grid, tables.items(), strict=True):
        places = np.arange(len(table))
        axes.plot(table["top1"], places, color="#b9c2ca", lw=1.2, zorder=1)
        axes.hlines(places, table["low"], table["high"], color=DARK, lw=4, alpha=0.3)
        axes.plot(table["top1"], places, "o", color=DARK, ms=6.5)
        beside: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        for y, (_, row) in enumerate(
            table.iterrows()
        ):  # in points: the width of the axes depends on the labels
            axes.annotate(f"{row['top1']:.1f}", (1, y), (5, 0), weight="bold", va="center", **beside)
            if np.isfinite(row["step"]):
                words = f"{row['step']:+.1f}  [{row['step_low']:+.1f}, {row['step_high']:+.1f}]"
                axes.annotate(words, (1, y), (32, 0), color=MUTED, fontsize=7.5, va="center", **beside)
        axes.set_yticks(places, [str(label) for label in table.index], color=INK)
        axes.set(title=titles[name], ylim=(len(table) - 0.5, -0.5), xlabel="top-1 accuracy, %")
        axes.grid(axis="x")
    return figure


@styled
def sweeps(tables: dict[str, list[pd.DataFrame]], baselines: dict[str, str]) -> Figure:
    """
    Top-1 against one setting, a panel for each table: dot and 95 % interval; dotted: the table's baseline.

    tables: title -> its one table, as ukdlib.results.tables.accuracy.summarise makes it, a row per value;
    baselines: title -> row of the baseline.
    """
    figure = Figure(figsize=(0.6 + 2.5 * len(tables), 2.9))
    grid = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
    for axes, (title, (table,)) in zip(grid, tables.items(), strict=True):
        baseline = baselines[title]
        values = table.drop(index=baseline)
        places = np.arange(len(values))
        axes.vlines(places, values["low"], values["high"], color=DARK, lw=3.5, alpha=0.3)
        axes.plot(places, values["top1"], "o-", color=DARK, lw=1, ms=5.5)
        axes.axhline(table["top1"][baseline], color=MUTED, lw=1, ls=":", zorder=0, label=baseline)
        axes.set_xticks(places, [str(label) for label in values.index], color=INK)
        axes.set(title=title, xlim=(-0.5, len(values) - 0.5))
        axes.grid(axis="y")
    grid[0].set_ylabel("top-1, %")
    grid[0].legend(loc="best", frameon=False)
    return figure


@styled
def classes(results: dict[str, list[dict]]) -> Figure:
    """
    Accuracy of each class: first arm hollow, last arm filled, others small; classes sorted by gain.

    results: label -> metrics of its runs, whose confusion matrices are summed.
    """
    counts = _confusions(results)
    shares = {label: 100 * np.diag(_row_shares(matrix)) for label, matrix in counts.items()}
    labels, names = list(results), np.array(list(next(iter(results.values()))[0]["per_class"]))
    gain = shares[labels[-1]] - shares[labels[0]]
    order = np.argsort(-gain, kind="stable")
    rows = np.arange(len(names))
    figure = Figure(figsize=(6.8, 0.9 + 0.27 * len(names)))
    axes = figure.subplots()
    axes.hlines(rows, shares[labels[0]][order], shares[labels[-1]][order], color="#b9c2ca", lw=2, zorder=1)
    looks: dict[str, dict[str, Any]] = {label: {"mfc": MUTED, "mec": "white", "ms": 4.5} for label in labels}
    looks[labels[0]] = {"mfc": "white", "mec": LIGHT, "ms": 7}
    looks[labels[-1]] = {"mfc": DARK, "mec": DARK, "ms": 6.5}
    for label, look in looks.items():
        axes.plot(shares[label][order], rows, "o", mew=1.6, label=label, zorder=2, **look)
    side: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "color": MUTED, "ha": "right"}
    axes.text(1.09, -1, "gain", va="center", fontsize=7.5, **side)
    for row, points in enumerate(gain[order]):
        axes.text(1.09, row, _signed(points), va="center", **side)
    axes.set_yticks(rows, names[order], color=INK)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(-3, 103), xlabel="accuracy of the class, %")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=len(labels), frameon=False, handletextpad=0.1
    )
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure


@styled
def confusion(results: dict[str, list[dict]]) -> Figure:
    """
    Confusion matrices in % of the true class: one per arm, rows sum to 100.

    results: label -> metrics of its runs, whose confusion matrices are summed.
    """
    names = list(next(iter(results.values()))[0]["per_class"])
    size = 0.31 * len(names) + 0.5
    figure = Figure(figsize=(size * len(results) + 0.7, size + 0.6))
    grid = figure.subplots(1, len(results), squeeze=False, sharey=True)[0]
    for axes, (label, counts) in zip(grid, _confusions(results).items(), strict=True):
        shares = 100 * _row_shares(counts)
        axes.imshow(shares, vmin=0, vmax=100)
        for true, predicted in np.argwhere(shares >= 0.5):
            colour = "white" if shares[true, predicted] > 55 else INK
            text = f"{shares[true, predicted]:.0f}"
            axes.text(predicted, true, text, ha="center", va="center", color=colour, fontsize=6.5)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.set(title=label, xlabel="recognised as")
        axes.spines[:].set_visible(False)
    grid[0].set_ylabel("true class")
    return figure


@styled
def reliability(arms: dict[str, list[LogitRows]]) -> Figure:
    """
    Accuracy against confidence of an arm: a dot per bin of confidence, its area the share of videos.

    arms: label -> test logits of its runs, taken together. The error is the mean gap of dots and diagonal.
    """
    figure = Figure(figsize=(3.0 * len(arms) + 0.4, 3.3))
    grid = figure.subplots(1, len(arms), squeeze=False, sharey=True)[0]
    for axes, (label, runs) in zip(grid, arms.items(), strict=True):
        each = [video_probabilities(rows.video_ids, rows.labels, rows.logits) for rows in runs]
        truth, probs = (np.concatenate([run[i] for run in each]) for i in (1, 2))
        sure, right, share = _bins(probs.max(axis=1), probs.argmax(axis=1) == truth)
        axes.plot([0, 100], [0, 100], color="#aeb7bf", lw=0.9)
        axes.vlines(sure, sure, right, color=DARK, lw=1, alpha=0.5)
        axes.scatter(sure, right, s=6 + 500 * share, color=DARK, alpha=0.85, lw=0)
        axes.text(
            3, 99, f"calibration error {100 * calibration_error(probs, truth):.0f} %", va="top", color=MUTED
        )
        axes.set(title=label, xlim=(0, 104), ylim=(-4, 104), xlabel="confidence, %", aspect="equal")
        axes.grid()
    grid[0].set_ylabel("right, %")
    return figure


@styled
def risk(arms: dict[str, list[dict]]) -> Figure:
    """
    Share of wrong answers against the share of clips that are answered, the surest first: dots are validation clips,
    the line test clips.

    arms: model -> its calibration (ukdlib.results.calibration.calibrate), a single one.
    """
    figure = Figure(figsize=(3.0 * len(arms) + 0.4, 3.0))
    grid = figure.subplots(1, len(arms), squeeze=False, sharey=True)[0]
    for axes, (label, (record,)) in zip(grid, arms.items(), strict=True):
        for subset, style in (("val", {"ls": "", "marker": ".", "ms": 4, "alpha": 0.5}), ("test", {"lw": 2})):
            curve = pd.DataFrame(record[subset]["curve"])
            colour = LIGHT if subset == "val" else DARK
            words = {"val": "validation clips", "test": "test clips"}[subset]
            axes.plot(100 * curve["coverage"], 100 * curve["risk"], color=colour, label=words, **style)
        axes.set(title=label, xlim=(0, 102), xlabel="answered, %")
        axes.grid()
    grid[0].set_ylabel("wrong, % of the answers")
    grid[0].set_ylim(bottom=0)  # once all are drawn: it ends the choice of limits, which all share
    grid[0].legend(frameon=False, loc="upper left")
    return figure


def _bins(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean confidence in %, accuracy in %, share of the videos) of each non-empty bin."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    used = counts > 0
    means = [100 * np.bincount(place, values, BINS)[used] / counts[used] for values in (confidence, correct)]
    return means[0], means[1], counts[used] / len(place)


def _confusions(results: dict[str, list[dict]]) -> dict[str, np.ndarray]:
    """Label -> counts (C, C) over its runs; all must be of the same classes."""
    names = list(next(iter(results.values()))[0]["per_class"])
    for label, runs in results.items():
        for run in runs:
            if list(run["per_class"]) != names:
                raise ValueError(f"{label!r} has classes {list(run['per_class'])}, others {names}")
    return {label: np.sum([run["confusion"] for run in runs], axis=0) for label, runs in results.items()}


def _signed(points: float) -> str:
    rounded = round(points)
    return f"{rounded:+d}".replace("-", "\N{MINUS SIGN}") if rounded else "0"


def _row_shares(counts: np.ndarray) -> np.ndarray:
    """Rows divided by their sums; a class without videos has zeros."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
