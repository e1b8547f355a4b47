"""The rendered clips: a row per clip, stored during the work so that a killed run can be resumed."""

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ukdlib.artifacts.journal import discard_journal, journaled
from ukdlib.artifacts.provenance import config_hash
from ukdlib.artifacts.sealing import beside

COLUMNS = ("path", "num_frames", "mean_grey", "sha256")


def row_of(path: str, frames: np.ndarray) -> list[str]:
    """Manifest row of raw frames uint8 (T, H, W, 3), before the video codec."""
    digest = hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()
    return [path, str(len(frames)), f"{frames.mean():.3f}", digest]


def render_all(
    names: Sequence[str],
    target: str | Path,
    key: str,
    folder: str | Path,
    make: Callable[[str, Path], np.ndarray],
):
    """
    Render every missing clip, then write the manifest `target` (csv with header).

    names: `<Class>/<Class>_<group>_<clip>.mp4`; make(name, path) renders one clip, writes its video to path
    and returns its raw frames. A clip that an earlier attempt rendered with the same key and names is not rendered
    again, if its video is still in `folder`.
    """
    journal, folder = f"{target}.journal", Path(folder)
    Path(target).parent.mkdir(parents=True, exist_ok=True)

    def render(name: str) -> list[str]:
        """The row of a clip whose video is in place now."""
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        return row_of(name, make(name, folder / name))

    def rows(first: int) -> Iterator[list[str]]:
        """A row is kept once its video is in place."""
        return map(render, names[first:])

    made = journaled(journal, config_hash({"key": key, "names": list(names)}), rows)
    whole = [row if (folder / row[0]).exists() else render(row[0]) for row in made]
    with beside(target) as part, open(part, "w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *whole])
    discard_journal(journal)
