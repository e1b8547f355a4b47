"""A table of accuracies as HTML and Markdown, with a sentence that claims no more than its intervals support."""

import pandas as pd

from ukdlib.results.tables.accuracy import DIFFERENCE, ORIGIN, PAPER, STEP, UNLABELLED
from ukdlib.results.tables.page import chance, markdown, plain, render, signed

LEGEND = (
    "sd: over splits and seeds. Intervals: bootstrap over groups of clips (a person and scene) and, if there are "
    "several, seeds, paired for the differences. p: sign test over groups. ECE: expected calibration "
    "error. Training clips: top-1 on them in the last epoch. The highest row is chosen after the fact, "
    "which biases it upwards. Views: per video, probabilities averaged. Seen before, unknown: nobody knows whether "
    "these weights or logits, its own or its teachers', were trained on the test clips."
)


def verdict(table: pd.DataFrame, baseline: str) -> str:
    """The highest row against the baseline, in one sentence that claims no more than the interval supports."""
    best = str(table["top1"].idxmax())
    if best == baseline:
        return f"No row is above {baseline}."
    difference = [float(table[name][best]) for name in DIFFERENCE]
    gain, low, high = (signed(value) for value in difference)
    certain = "above 0" if difference[1] > 0 else "which includes 0: no clear difference"
    return f"Highest: {best}, {gain} points against {baseline}; 95 % interval {low} to {high}, {certain}."


def to_html(table: pd.DataFrame, baseline: str, caption: str, note: str) -> str:
    """A summarised table as an HTML page."""
    heads, rows = _cells(table, baseline)
    return render(heads, rows, caption, note, [verdict(table, baseline), LEGEND])


def to_markdown(table: pd.DataFrame, baseline: str, caption: str, note: str) -> str:
    """The same as Markdown."""
    heads, rows = _cells(table, baseline)
    return markdown(heads, rows, caption, note, [verdict(table, baseline), LEGEND])


def _cells(table: pd.DataFrame, baseline: str) -> tuple[list[str], list[dict]]:
    """Heads of the columns and, for each row, its label, texts and whether it is the highest."""
    percent = "\N{NO-BREAK SPACE}%"
    steps = STEP[0] in table.columns
    published = [PAPER] * bool(table[PAPER].notna().any())
    origin = [*ORIGIN[:-1], *[UNLABELLED] * bool((table[UNLABELLED].astype(str) != "0").any()), ORIGIN[-1]]
    heads = [
        f"top\N{NON-BREAKING HYPHEN}1{percent}",
        "sd",
        f"95{percent} interval",
        *(["points above the row before"] if steps else [f"points against {baseline}", "p"]),
        f"ECE{percent}",
        f"training clips{percent}",
        *published,
        *origin,
    ]
    rows = []
    for label, line in table.iterrows():
        gain, low, high = (signed(line[name]) for name in (STEP if steps else DIFFERENCE))
        cells = [plain(line["top1"]), plain(line["sd"]), f"{plain(line['low'])} – {plain(line['high'])}"]
        cells += [f"{gain} [{low}, {high}]" if gain else "", *([] if steps else [chance(line["p"])])]
        cells += [plain(line[name]) for name in ("ece", "fit", *published)]
        cells += [str(line[name]) for name in origin]
        rows.append({"label": label, "cells": cells, "best": line["top1"] == table["top1"].max()})
    return heads, rows
