"""Figures of the training: learning curves, confidence and weights of the teachers, cost by number of teachers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukdlib.knowledge.logits import LogitRows
from ukdlib.results.figures.style import DARK, LIGHT, LINES, MUTED, name_lines, styled
from ukdlib.results.metrics import video_probabilities

CURVES = {"cross_entropy": ("cross-entropy to the labels", 1), "top1": ("top-1 on training clips, %", 100)}
COSTS = {"seconds_per_step": "seconds per training step", "peak_memory_mb": "peak memory, MB"}
MODES = {"stored": ("stored logits", DARK, "o-"), "online": ("teachers in memory", LIGHT, "s--")}


@styled
def curves(histories: dict[str, list[pd.DataFrame]]) -> Figure:
    """
    Learning curves of every arm, by epoch. Line = mean over runs, band = lowest to highest run.

    histories: label -> tables of its runs, columns epoch, cross_entropy, top1 (a share). Not the loss: arms
    weight its parts differently.
    """
    figure = Figure(figsize=(8.2, 3.6))
    for axes, (column, (title, scale)) in zip(figure.subplots(1, 2), CURVES.items(), strict=True):
        ends = []
        for (label, runs), (colour, dashes) in zip(histories.items(), _endless(len(histories)), strict=True):
            values = scale * pd.concat([run.set_index("epoch")[column] for run in runs], axis=1)
            mean = values.mean(axis=1)
            axes.plot(mean.index, mean, ls=dashes, color=colour, lw=1.4)
            if len(runs) > 1:
                axes.fill_between(
                    mean.index, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.1, lw=0
                )
            ends.append((mean.index[-1], mean.iloc[-1], label, colour))
        axes.set(title=title, xlabel="epoch")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        name_lines(axes, ends)
    return figure


def _endless(count: int) -> list[tuple[str, str]]:
    return [LINES[number % len(LINES)] for number in range(count)]


@styled
def weights(fusions: dict[str, list[LogitRows]]) -> Figure:
    """
    How each fusion (column) weights each of its teachers (row): a histogram over the training videos.

    fusions: label -> its training targets, one file per run, with weights (N, K) and metadata `teachers`.
    """
    columns = {label: _weights(label, runs) for label, runs in fusions.items()}
    depth = max(len(names) for names, _ in columns.values())
    figure = Figure(figsize=(max(2.5, 7.8 / len(columns)) * len(columns), 0.8 + 1.15 * depth))
    parts = figure.subfigures(1, len(columns), squeeze=False)[0]
    for part, (label, (names, values)) in zip(parts, columns.items(), strict=True):
        part.suptitle(label, x=0.03, ha="left", weight="bold", fontsize=9.5)
        column = part.subplots(depth, 1, squeeze=False)[:, 0]
        column[len(names) - 1].set_xlabel("weight of the teacher")
        for axes, name, weight in zip(column, names, values.T, strict=False):
            _histogram(axes, name, weight, 1 / len(names))
        for axes in column[len(names) :]:
            axes.set_axis_off()
    return figure


def _weights(label: str, runs: Sequence[LogitRows]) -> tuple[list[str], np.ndarray]:
    """Names of the teachers and weights (N, K) of all runs together."""
    tables = [rows.weights for rows in runs if rows.weights is not None]
    names = runs[0].metadata["teachers"].split(",")
    if len(tables) < len(runs) or any(table.shape[1] != len(names) for table in tables):
        raise ValueError(f"fusion {label!r}: not every file has weights of the teachers {names}")
    return names, np.concatenate(tables)


def _histogram(axes: Axes, name: str, weight: np.ndarray, even: float) -> None:
    """Share of the videos by weight, with the mean and, dotted, the weight 1/K of a plain average."""
    counts, edges = np.histogram(weight, bins=25, range=(0, 1))
    axes.stairs(100 * counts / len(weight), edges, fill=True, color=DARK)
    axes.axvline(even, color=LIGHT, lw=1.4, ls=":")
    axes.set_title(
        f"mean {weight.mean():.2f}", loc="right", color=MUTED, fontsize=7.5, weight="normal", pad=3
    )
    axes.set_title(name, fontsize=8.5, weight="normal", pad=3)
    axes.set(xlim=(0, 1), ylabel="% of videos")


@styled
def confidence(teachers: dict[str, list[LogitRows]]) -> Figure:
    """
    Confidence of each teacher (row) in the true class of training videos, by the origin of its logits (column).

    teachers: name -> logits of its runs, those in-sample taken together, and those out-of-fold.
    """
    figure = Figure(figsize=(7.4, 0.6 + 1.35 * len(teachers)))
    grid = figure.subplots(len(teachers), 2, squeeze=False, sharex=True, sharey="row")
    for line, (name, runs) in zip(grid, teachers.items(), strict=True):
        for axes, (origin, files) in zip(line, _by_origin(runs).items(), strict=True):
            _confidence_histogram(axes, f"{name}, {origin}", files)
        line[0].set_ylabel("% of videos")
    for axes in grid[-1]:
        axes.set_xlabel("probability of the true class")
    return figure


def _by_origin(runs: Sequence[LogitRows]) -> dict[str, list[LogitRows]]:
    """Only rows of networks that have not seen their videos say from which fold they are."""
    return {
        "in-sample": [rows for rows in runs if rows.folds is None],
        "out-of-fold": [rows for rows in runs if rows.folds is not None],
    }


def _confidence_histogram(axes: Axes, title: str, runs: Sequence[LogitRows]) -> None:
    """Share of the videos by the probability of their true class, with its mean and the accuracy."""
    each = [video_probabilities(rows.video_ids, rows.labels, rows.logits) for rows in runs]
    truth, probs = (np.concatenate([run[i] for run in each]) for i in (1, 2))
    sure, right = probs[np.arange(len(truth)), truth], probs.argmax(axis=1) == truth
    counts, edges = np.histogram(sure, bins=20, range=(0, 1))
    axes.stairs(100 * counts / len(sure), edges, fill=True, color=DARK)
    axes.axvline(sure.mean(), color=LIGHT, lw=1.4, ls=":")
    axes.set_title(title, fontsize=8.5, weight="normal", pad=3)
    note = f"mean {sure.mean():.2f}, top-1 {100 * right.mean():.0f} %"
    axes.set_title(note, loc="right", color=MUTED, fontsize=7.5, weight="normal", pad=3)
    axes.set(xlim=(0, 1))


@styled
def cost(tables: dict[str, list[pd.DataFrame]]) -> Figure:
    """
    Time and memory of a student's training step against the number of teachers.

    tables: label -> measurements, all taken together; columns mode (stored: logits from files; online: teachers
    in memory), teachers, seconds_per_step, ratio, peak_memory_mb.
    """
    table = pd.concat([part for parts in tables.values() for part in parts])
    figure = Figure(figsize=(7.6, 2.9))
    for axes, (column, title) in zip(figure.subplots(1, 2), COSTS.items(), strict=True):
        ends = []
        for mode, part in table.sort_values("teachers").groupby("mode"):
            name, colour, line = MODES[str(mode)]
            axes.plot(part["teachers"], part[column], line, color=colour, ms=5)
            ends.append((part["teachers"].iloc[-1], part[column].iloc[-1], name, colour))
        axes.set_xscale("symlog", base=2, linthresh=1)  # 0, too
        axes.minorticks_off()
        counts = sorted(set(table["teachers"]))
        axes.set(title=title, xlabel="number of teachers K", xticks=counts, xticklabels=counts)
        axes.set_ylim(0, 1.1 * table[column].max())
        axes.grid(axis="y")
        name_lines(axes, ends)
    return figure
