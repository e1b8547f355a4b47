"""Table 4: the cost of a training step by number of teachers K."""

import numpy as np
import pandas as pd

from ukdlib.results.tables.page import render

MODES = {"stored": "stored logits", "online": "teachers in memory"}
QUANTITIES = {
    "seconds_per_step": ("seconds per step", "{:.3f}"),
    "ratio": ("to the first teacher's", "{:.2f}"),
    "peak_memory_mb": ("peak MB", "{:,.0f}"),
}
PAPER_COST = (
    "The paper's Table 4 (ARID v1.5, its own machine): baseline 13,697 MB and 312 s per epoch; "
    "with KD from one teacher, and also with UKD from two, 14,965 MB and 385 s."
)


def widen_cost(table: pd.DataFrame) -> pd.DataFrame:
    """
    A line per number of teachers K from the measurements, one per line.

    table: columns mode (stored | online), teachers, seconds_per_step, ratio (to stored logits of the fewest teachers,
    step by step), peak_memory_mb.
    """
    wide = table.pivot(index="teachers", columns="mode", values=list(QUANTITIES))
    wide.columns = wide.columns.map("{0[1]}_{0[0]}".format)
    return wide.reindex(columns=[f"{mode}_{quantity}" for mode in MODES for quantity in QUANTITIES])


def cost_to_html(table: pd.DataFrame, caption: str, note: str) -> str:
    """A widened table of cost as an HTML page, with the paper's own numbers below."""
    heads = [f"{words}: {unit}" for words in MODES.values() for unit, _ in QUANTITIES.values()]
    forms = [form for _ in MODES for _, form in QUANTITIES.values()]
    rows = []
    for teachers, line in table.iterrows():
        cells = [
            "" if np.isnan(value) else form.format(value) for form, value in zip(forms, line, strict=True)
        ]
        rows.append({"label": f"K = {teachers}", "cells": cells, "best": False})
    return render(heads, rows, caption, note, [growth(table), PAPER_COST])


def growth(table: pd.DataFrame) -> str:
    """How a widened table of cost grows from the fewest teachers above 0 to the most, in words for either mode."""
    parts = []
    for mode, words in MODES.items():
        measured = table[table.index > 0].filter(regex=f"^{mode}_").dropna()
        if len(measured) < 2:
            continue
        few, many = measured.index.min(), measured.index.max()
        factor = measured.loc[many] / measured.loc[few]
        parts.append(
            f"{words}, K = {few} to {many}: {factor[f'{mode}_ratio']:.2f} times the time and "
            f"{factor[f'{mode}_peak_memory_mb']:.2f} times the memory"
        )
    if not parts:
        return "Measured for too few numbers of teachers to state a growth."
    stated = "; ".join(parts)
    return f"{stated[0].upper()}{stated[1:]}. Medians over steps, which all cases take in turn."
