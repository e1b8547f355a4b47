"""Tables of the report's section on the data: number, length, brightness and speed of clips; leaks and warnings."""

from collections.abc import Sequence

import pandas as pd

from ukdlib.results.tables.page import render

PICTURES = {
    "mean": ("mean grey, 0–255", "{:.1f}"),
    "dark": ("5th percentile", "{:.0f}"),
    "bright": ("95th percentile", "{:.0f}"),
    "black": ("pixels at 0, %", "{:.1f}"),
    "white": ("pixels at 255, %", "{:.2f}"),
    "noise": ("noise, grey levels", "{:.1f}"),
}
FLOW = {
    "speed": ("mean flow, px per frame", "{:.2f}"),
    "fast": ("95th percentile", "{:.2f}"),
    "clipped": ("clipped vectors, %", "{:.2f}"),
}
SHARES = ("black", "white", "clipped")  # shown in percent


def count_clips(subsets: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Clips by class (rows, and their sum) and subset; subsets: columns label, subset of one split."""
    names = [name for name in ("train", "val", "test") if name in set(subsets["subset"])]
    counts = pd.crosstab(subsets["label"], subsets["subset"]).reindex(range(len(classes)), fill_value=0)
    counts = counts.reindex(columns=names, fill_value=0).set_axis(list(classes), axis=0)
    counts.loc["all"] = counts.sum()
    return counts.assign(together=counts.sum(axis=1))


def counts_to_html(counts: pd.DataFrame, caption: str, note: str, below: Sequence[str]) -> str:
    """count_clips as a page."""
    rows = [
        {"label": label, "cells": [f"{value:,}" for value in line], "best": label == "all"}
        for label, line in counts.iterrows()
    ]
    return render(list(counts.columns), rows, caption, note, below)


def medians(measured: pd.DataFrame) -> pd.DataFrame:
    """Median over clips of every measure (columns), by modality; measured: a row per clip and modality."""
    return measured.groupby("modality", sort=False)[[*PICTURES, *FLOW]].median()


def medians_to_html(table: pd.DataFrame, caption: str, note: str, below: Sequence[str]) -> str:
    """medians as a page; measures that a modality lacks stay empty."""
    forms = {**PICTURES, **FLOW}
    rows = [
        {"label": name, "cells": [_cell(key, line[key], forms[key][1]) for key in forms], "best": False}
        for name, line in table.iterrows()
    ]
    return render([head for head, _ in forms.values()], rows, caption, note, below)


def sizes(clips: pd.DataFrame) -> list[str]:
    """Sentences on lengths, rates and sizes; clips: columns num_frames, fps, height, width."""
    seconds = clips["num_frames"] / clips["fps"]
    shapes = (clips["width"].astype(str) + " × " + clips["height"].astype(str)).value_counts()
    rates = clips["fps"].round(2).value_counts()
    return [
        f"Clips last {seconds.min():.1f} to {seconds.max():.1f} s (median {seconds.median():.1f}), "
        f"{clips['num_frames'].min()} to {clips['num_frames'].max()} frames.",
        f"Sizes: {_counted(shapes)}. Frames per second: {_counted(rates)}.",
    ]


def _counted(values: pd.Series, shown: int = 6) -> str:
    parts = [f"{value} ({count:,})" for value, count in values.items()]
    return ", ".join(parts[:shown]) + (f" and {len(parts) - shown} more" if len(parts) > shown else "")


def _cell(key: str, value: float, form: str) -> str:
    return "" if pd.isna(value) else form.format(100 * value if key in SHARES else value)
