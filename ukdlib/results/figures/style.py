"""
The common style of the figures, how they are written, and names beside lines.

Figures are readable in greyscale and for the colour-blind: lightness, dashes or shape differ along with hue. The
same numbers give the same bytes: text is drawn as paths of a font that ships with matplotlib, no date is written.
"""

import os
from collections.abc import Collection, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.text import Text

from ukdlib.artifacts.sealing import beside

INK, MUTED, FAINT = "#17212b", "#66727d", "#dde2e6"
LIGHT, DARK = "#e08214", "#0a4a8f"  # baseline and method
LINES = [  # colour and dashes of the arms; neighbours differ in both
    (DARK, "-"),
    (LIGHT, "--"),
    ("#1f8a63", "-."),
    ("#b5497f", "-"),
    ("#4aa3d9", "--"),
    ("#7a5c2e", "-."),
    ("#000000", ":"),
    ("#8c959d", "-"),
    ("#6a51a3", "--"),
    ("#c1272d", "-"),
]
OTHER_SCRIPTS = [  # fonts with scripts that DejaVu lacks, for class names; Linux, macOS, Windows
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
]


def font_families(installed: Collection[str]) -> list[str]:
    """Fonts in order of use: matplotlib's own, the same everywhere, then installed ones."""
    return ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in installed)]


STYLE: dict[Any, Any] = {
    "font.family": font_families(get_font_names()),
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#aeb7bf",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "text.parse_math": False,  # a class name may be A$B_$C
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": FAINT,
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "image.cmap": "Blues",
    "svg.fonttype": "path",
    "svg.hashsalt": "ukd",
}
# control characters and surrogates, but for the end of a line -> what is drawn
PICTURES = {chr(code): chr(0x2400 + code) for code in range(32) if code != 10} | {chr(127): "\u2421"}
PICTURES |= {chr(code): "\ufffd" for code in (*range(128, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
METADATA: dict[str, dict[str, str | None]] = {  # without date and version: the same bytes on every run
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}
styled = mpl.rc_context(
    STYLE
)  # a decorator: the function draws in this style, the user's own style is unchanged


def save(figure: Figure, path: str, note: str = "") -> None:
    """Write an .svg or .png, whole or not at all; note is printed small below the figure."""
    kind = os.path.splitext(path)[1]
    if kind not in METADATA:
        raise ValueError(f"{path}: figures are written as {' or '.join(METADATA)}")
    with beside(path) as part, mpl.rc_context(STYLE):
        if note:
            figure.text(0.01, -0.02, note, va="top", fontsize=7, color=MUTED)
        for text in figure.findobj(Text):
            text.set_text(without_control(text.get_text()))
        figure.savefig(part, format=kind[1:], dpi=110, bbox_inches="tight", metadata=METADATA[kind])


def without_control(text: str) -> str:
    """The text with control characters, which are no XML, as their pictures: a tab becomes its symbol. Lines stay."""
    return "".join(PICTURES.get(character, character) for character in text)


def name_lines(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write names right of the lines' ends (x, y, name, colour), moved apart where they would overlap."""
    low, high = axes.get_ylim()
    heights = spread([y for _, y, _, _ in ends], 0.068 * (high - low), low, high)
    for (x, y, name, colour), height in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            (x, y),
            xytext=(1.05, height),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            color=colour,
            fontsize=7.5,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 0.6,
                "shrinkA": 1,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def spread(places: Sequence[float], gap: float, low: float, high: float) -> np.ndarray:
    """
    The positions moved so that any two are at least `gap` apart, in order, within low and high if they fit.

    Those too close are placed around their mean, the least sum of squared moves (pool adjacent violators).
    """
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    clusters: list[tuple[float, int]] = []  # mean of the positions minus their steps, and how many
    for value in np.asarray(places, float)[order] - steps:
        mean, count = float(value), 1
        while clusters and clusters[-1][0] > mean:
            other, more = clusters.pop()
            mean, count = (mean * count + other * more) / (count + more), count + more
        clusters.append((mean, count))
    moved = np.empty(len(places))
    starts = np.concatenate([[mean] * count for mean, count in clusters])
    moved[order] = np.clip(starts, low, max(low, high - steps[-1])) + steps
    return moved
