"""Table 4: the cost of a training step by number of teachers K."""

import numpy as np
import pandas as pd

from ukdlib.results.tables.page import render

MODES = {"stored": "stored logits", "online": "teachers in memory"}
QUANTITIES = {"seconds_per_step": ("seconds per step", "{:.3f}"), "peak_memory_mb": ("peak MB", "{:,.0f}")}
PAPER_COST = (
    "The paper's Table 4 (ARID v1.5, its own machine): baseline 13,697 MB and 312 s per epoch; "
    "with KD from one teacher, and also with UKD from two, 14,965 MB and 385 s."
)


def widen_cost(table: pd.DataFrame) -> pd.DataFrame:
    """
    A line per number of teachers K from the measurements, one per line.

    table: columns mode (stored | online), teachers, seconds_per_step, peak_memory_mb.
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
    """In a sentence, how a widened table of cost grows from the fewest teachers above 0 to the most."""
    complete = table.dropna().index
    if len(complete) < 2:
        return "Measured for too few numbers of teachers to state a growth."
    few, many = min(complete), max(complete)
    factor = table.loc[many] / table.loc[few]
    parts = [
        f"{words} take {factor[f'{mode}_seconds_per_step']:.2f} times the time and "
        f"{factor[f'{mode}_peak_memory_mb']:.2f} times the memory"
        for mode, words in MODES.items()
    ]
    return f"From K = {few} to K = {many}: {'; '.join(parts)}."
