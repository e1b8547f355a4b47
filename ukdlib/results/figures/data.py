"""Figures of the report's section on the data: distributions over clips, and a sheet of every modality."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukdlib.flow.clips import dequantise, picture
from ukdlib.frames.store import FrameStore
from ukdlib.results.figures.gallery import changes_at
from ukdlib.results.figures.style import FAINT, INK, LINES, MUTED, styled

WIDTH, CLIPS = 1.35, 6  # inches of an image; rows of the sheet
BINS = 32
PANELS = {
    "mean": "mean grey of a clip, 0–255",
    "noise": "noise, grey levels",
    "speed": "mean flow, pixels per frame",
    "clipped": "clipped flow vectors, %",
}


@styled
def distributions(clips: pd.DataFrame, measured: pd.DataFrame) -> Figure:
    """
    Histograms over clips: lengths in seconds, then each measure of PANELS by modality.

    clips: columns num_frames, fps; measured: modality and the measures, a row per clip and modality.
    """
    shown = {key: words for key, words in PANELS.items() if measured[key].notna().any()}
    figure = Figure(figsize=(2.6 * (1 + len(shown)), 2.3))
    first, *others = figure.subplots(1, 1 + len(shown), squeeze=False)[0]
    first.hist(clips["num_frames"] / clips["fps"], bins=BINS, color=MUTED)
    first.set(title="length, seconds", yticks=[])
    for axes, (key, words) in zip(others, shown.items(), strict=True):
        _by_modality(axes, measured, key)
        axes.set(title=words, yticks=[])
    return figure


def _by_modality(axes: Axes, measured: pd.DataFrame, key: str) -> None:
    """Outlined histograms of one measure, one for each modality that has it."""
    having = measured.dropna(subset=[key])
    values = having[key] * (100 if key == "clipped" else 1)
    edges = np.linspace(0, max(float(values.quantile(0.995)), 0.1), BINS)
    for (name, own), (colour, dashes) in zip(
        values.groupby(having["modality"], sort=False), LINES, strict=False
    ):
        counts, _ = np.histogram(own.clip(upper=edges[-1]), edges)
        axes.stairs(counts, edges, color=colour, linestyle=dashes, label=name, linewidth=1.3)
    axes.legend(frameon=False, fontsize=7, handlelength=1.6)


@styled
def sheet(
    clips: Sequence[tuple[str, str]],
    stores: dict[str, FrameStore],
    bounds: dict[str, float],
    moving: Collection[str] = (),
) -> Figure:
    """
    The middle frame of some clips (class name, video_id), one per row, in every modality, one per column.

    stores: modality -> frames; bounds: of the modalities that are flow; moving: those that show what changes in the
    frames.
    """
    shown = list(clips)[:CLIPS]
    pictures = [
        [_middle(store, video, bounds.get(name), name in moving) for name, store in stores.items()]
        for _, video in shown
    ]
    height = WIDTH * pictures[0][0].shape[0] / pictures[0][0].shape[1]
    figure = Figure(figsize=(WIDTH * len(stores), height * len(shown)))
    figure.set_layout_engine("none")
    close = dict(left=0, right=1, bottom=0, top=1, wspace=0.03, hspace=0.04)
    grid = figure.subplots(len(shown), len(stores), squeeze=False, gridspec_kw=close)
    for line, row, (name, _) in zip(grid, pictures, shown, strict=True):
        for axes, image in zip(line, row, strict=True):
            axes.imshow(image, interpolation="lanczos", aspect="equal")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", color=INK, weight="bold", labelpad=6)
    for axes, name in zip(grid[0], stores, strict=True):
        axes.set_title(name)
    return figure


def _middle(store: FrameStore, video_id: str, bound: float | None, moving: bool) -> np.ndarray:
    """An image (H, W, 3) of the clip's middle frame; bound: of flow codes; moving: of what changes in it."""
    number = store.shape(video_id)[0] // 2
    if moving:
        return changes_at(store, video_id, [number])[0]
    frame = store.window(video_id, [number])[0]
    return frame if bound is None else picture(dequantise(frame, bound))
