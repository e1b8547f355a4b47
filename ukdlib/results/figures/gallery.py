"""A gallery of test clips as the networks see them: dark, corrected, what changes, flow."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukdlib.flow.clips import dequantise, picture
from ukdlib.frames.store import FrameStore
from ukdlib.pictures.changes import changed_picture
from ukdlib.results.figures.style import FAINT, INK, styled

MOMENTS = (0.2, 0.5, 0.8)  # of the clip's length
AROUND = 32  # frames in which to see what changes
COLUMNS = ("as filmed", "corrected", "what changes", "flow: colour = direction, strength = speed")
WIDTH, GAP = 1.3, 0.14  # of an image and between kinds of images, inches


def pick_clips(subsets: pd.DataFrame, classes: Sequence[str], per_class: int = 1) -> list[tuple[str, str]]:
    """
    (class name, video_id) of `per_class` test clips of each class that has any: always the same ones, spread over
    the list.

    subsets: columns video_id, label (index into classes), subset.
    """
    test = subsets[subsets["subset"] == "test"]
    chosen = []
    for label, name in enumerate(classes):
        own = sorted(test.loc[test["label"] == label, "video_id"], key=_shuffled)
        chosen += [(name, video_id) for video_id in own[:per_class]]
    if not chosen:
        raise ValueError("no class has a test video")
    return chosen


@styled
def gallery(
    clips: Sequence[tuple[str, str]], dark: FrameStore, rgb: FrameStore, flow: FrameStore, bound: float
) -> Figure:
    """
    A row per clip (class name, video_id): a frame as filmed, then corrected frames, what changes in them and flow at
    three times.

    bound: largest flow that the codes hold, in pixels.
    """
    rows = [_pictures(video_id, dark, rgb, flow, bound) for _, video_id in clips]
    count, shape = len(MOMENTS), rows[0][0].shape
    widths = [WIDTH, *[GAP, *[WIDTH] * count] * 3]
    figure = Figure(figsize=(sum(widths), len(rows) * WIDTH * shape[0] / shape[1]))
    figure.set_layout_engine("none")
    grid = figure.add_gridspec(
        len(rows),
        len(widths),
        width_ratios=widths,
        wspace=0.03,
        hspace=0.04,
        left=0,
        right=1,
        bottom=0,
        top=1,
    )
    starts = [0, *(2 + kind * (count + 1) for kind in range(3))]
    places = [0, *(start + i for start in starts[1:] for i in range(count))]
    for row, ((name, _), pictures) in enumerate(zip(clips, rows, strict=True)):
        for place, image in zip(places, pictures, strict=True):
            axes = figure.add_subplot(grid[row, place])
            _show(axes, image)
            if place == 0:
                axes.set_ylabel(
                    name, rotation=0, ha="right", va="center", color=INK, weight="bold", labelpad=6
                )
            if row == 0 and place in starts:
                axes.set_title(COLUMNS[starts.index(place)])
    _wheel(figure, sum(widths), len(rows) * WIDTH * shape[0] / shape[1])
    return figure


def _pictures(
    video_id: str, dark: FrameStore, rgb: FrameStore, flow: FrameStore, bound: float
) -> list[np.ndarray]:
    """1 + 3 + 3 + 3 images (H, W, 3) uint8 of one clip."""
    frames = min(store.shape(video_id)[0] for store in (dark, rgb, flow))
    moments = [int(share * (frames - 1)) for share in MOMENTS]
    fields = dequantise(flow.window(video_id, moments), bound)
    middle = [moments[len(moments) // 2]]
    return [
        *dark.window(video_id, middle),
        *rgb.window(video_id, moments),
        *changes_at(rgb, video_id, moments),
        *(picture(field) for field in fields),
    ]


def changes_at(store: FrameStore, video_id: str, moments: Sequence[int]) -> list[np.ndarray]:
    """What changes in a clip, seen in AROUND frames around each moment: images (H, W, 3)."""
    count, images = store.shape(video_id)[0], []
    for moment in moments:
        first = min(max(0, moment - AROUND // 2), max(0, count - AROUND))
        window = store.window(video_id, range(first, min(first + AROUND, count)))
        images.append(changed_picture(window, moment - first))
    return images


def _show(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(image, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)


def _wheel(figure: Figure, width: float, height: float) -> None:
    """The colours of the flow's directions, as a small disc at the top right; width and height in inches."""
    y, x = np.mgrid[-1:1:121j, -1:1:121j]
    colours = picture(np.stack([x, y], axis=-1), full=1.0)
    alpha = (255 * np.clip(60 * (1 - np.hypot(x, y)), 0, 1)).astype(np.uint8)
    size = 0.42
    axes = figure.add_axes((1 - size / width, 1 + 0.06 / height, size / width, size / height))
    axes.imshow(np.dstack([colours, alpha]))
    axes.set_axis_off()


def _shuffled(video_id: str) -> str:
    """Neighbours in a list are often from one scene: order by hash."""
    return hashlib.sha256(video_id.encode()).hexdigest()
