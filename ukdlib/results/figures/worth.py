"""Figures of what teachers are worth: value against price, and the fused target by the number of teachers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukdlib.results.figures.style import DARK, INK, LIGHT, MUTED, styled

METHODS = [(DARK, "-", "o"), (LIGHT, "--", "s")]  # the student's fusion, the plain average


@styled
def worth(table: pd.DataFrame) -> Figure:
    """
    A teacher's share in the value of the fused target against its price, a panel for each tau: dot = Shapley value with
    its 95 % interval, hollow = what all lose without it.

    table: ukdlib.results.worth.worth_table with column seconds; teachers whose price is unknown stand at the left.
    """
    taus = list(dict.fromkeys(table["tau"]))
    figure = Figure(figsize=(0.6 + 3.7 * len(taus), 3.4))
    for axes, tau in zip(figure.subplots(1, len(taus), squeeze=False)[0], taus, strict=True):
        _worth_panel(axes, table[(table["tau"] == tau) & ~table["teacher"].isin(["(all)", "(none)"])])
        whole, none = (_value(table, tau, name) for name in ("(all)", "(none)"))
        axes.set_title(f"temperature {tau:g}: {whole - none:.2f} nats shared out")
        axes.set(xlabel="price: seconds of training and flow", ylabel="worth, nats")
    return figure


def _value(table: pd.DataFrame, tau: float, name: str) -> float:
    return float(table.loc[(table["tau"] == tau) & (table["teacher"] == name), "value"].iloc[0])


def _worth_panel(axes: Axes, rows: pd.DataFrame) -> None:
    prices = rows["seconds"].fillna(0.0)
    axes.axhline(0, color=MUTED, lw=1, ls=":", zorder=0)
    axes.vlines(prices, rows["shapley_low"], rows["shapley_high"], color=DARK, lw=3.5, alpha=0.3)
    axes.plot(prices, rows["shapley"], "o", color=DARK, ms=6, label="Shapley value")
    axes.plot(prices, rows["left_out"], "D", mfc="none", mec=LIGHT, ms=5, label="lost without it")
    for name, price, height, known in zip(
        rows["teacher"], prices, rows["shapley"], rows["seconds"].notna(), strict=True
    ):
        words = name if known else f"{name} (price unknown)"
        axes.annotate(words, (price, height), (6, 2), textcoords="offset points", color=INK, fontsize=7.5)
    axes.set_xlim(left=0, right=1.3 * max(prices.max(), 1))
    axes.grid(axis="y")
    axes.legend(loc="best", frameon=False, fontsize=7)


@styled
def knowledge_curve(table: pd.DataFrame, students: pd.DataFrame) -> Figure:
    """
    The fused target by the number of teachers: cross-entropy and accuracy, mean over sets of so many and 95 % interval.

    table: ukdlib.results.worth.curve_table, of which the first tau is shown; students: students_table, their test
    accuracy as black dots.
    """
    shown = table[table["tau"] == table["tau"].iloc[0]]
    figure = Figure(figsize=(8.2, 3.3))
    left, right = figure.subplots(1, 2)
    for (method, rows), (colour, dashes, mark) in zip(
        shown.groupby("method", sort=False), METHODS, strict=False
    ):
        for axes, column, scale in ((left, "cross_entropy", 1), (right, "accuracy", 100)):
            axes.plot(
                rows["teachers"],
                scale * rows[column],
                ls=dashes,
                marker=mark,
                ms=4.5,
                color=colour,
                label=method,
            )
            band = scale * rows[f"{column}_low"], scale * rows[f"{column}_high"]
            axes.fill_between(rows["teachers"], *band, color=colour, alpha=0.15, lw=0)
    errors = 100 * np.abs(students[["top1_low", "top1_high"]].to_numpy().T - students["top1"].to_numpy())
    if len(students):
        right.errorbar(
            students["teachers"],
            100 * students["top1"],
            errors,
            fmt="^",
            color=INK,
            ms=5,
            lw=1,
            label="student, test clips",
        )
    left.set(title="cross-entropy of the target to the label", ylabel="nats", xlabel="number of teachers")
    right.set(title="top-1 of the target", ylabel="%", xlabel="number of teachers")
    for axes in (left, right):
        axes.set_xticks(sorted(set(shown["teachers"])))
        axes.grid(axis="y")
    right.legend(loc="best", frameon=False)
    return figure
