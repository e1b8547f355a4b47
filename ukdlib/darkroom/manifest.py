"""What has been rendered: a row per clip, kept during the work so that a killed run is taken up again.

The rows first go to `<path>.part`, whose first line is a key of all that the clips depend on; another key
discards it. A row is written after its video is in place, so a row is the proof of a whole video.
"""

import csv
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ukdlib.sealing import put_in_place

COLUMNS = ("path", "num_frames", "mean_grey", "sha256")


def row_of(path: str, frames: np.ndarray) -> list[str]:
    """Manifest row of raw frames uint8 (T, H, W, 3), before the video codec."""
    digest = hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()
    return [path, str(len(frames)), f"{frames.mean():.3f}", digest]


def finished_rows(part: Path, key: str) -> dict[str, list[str]]:
    """Whole rows of an interrupted manifest by clip path; none if it was made under another key."""
    if not part.exists():
        return {}
    first, *rows = part.read_text().splitlines() or [""]
    if first != f"# {key}":
        return {}
    whole = [r for r in csv.reader(rows) if len(r) == len(COLUMNS) and len(r[-1]) == 64]
    return {r[0]: r for r in whole}


def render_all(
    names: Sequence[str],
    target: str | Path,
    key: str,
    folder: str | Path,
    make: Callable[[str, Path], np.ndarray],
):
    """
    Render every clip that is not yet there and write the manifest `target` (csv with header) when all are.

    names: `<Class>/<Class>_<group>_<clip>.mp4`; make(name, path) renders one clip, writes its video to path
    and returns its raw frames. A clip with a row in `<target>.part` of the same key and a video in `folder`
    is not redone.
    """
    part, folder = Path(f"{target}.part"), Path(folder)
    part.parent.mkdir(parents=True, exist_ok=True)
    done = {n: r for n, r in finished_rows(part, key).items() if n in set(names) and (folder / n).exists()}
    with open(part, "w", newline="") as stream:
        stream.write(f"# {key}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows(done.values())
        for name in names:
            if name not in done:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                done[name] = row_of(name, make(name, folder / name))
                writer.writerow(done[name])
                stream.flush()
    whole = Path(f"{target}.whole.part")
    with open(whole, "w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *(done[name] for name in names)])
    put_in_place(whole, target)
    part.unlink()
