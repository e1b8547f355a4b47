"""A split's subsets in Parquet: which videos a training or an export uses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ukdlib.videos.records import read_columns


def read_lesson(
    path: str, chosen: Any, dataset: str, more: Sequence[str] = ()
) -> tuple[tuple[list[str], np.ndarray], tuple[dict[str, str], dict[str, str]]]:
    """What read_videos and read_identities say of the rows that a training learns from."""
    return read_videos(path, chosen, more), read_identities(path, chosen, dataset, more)


def read_identities(
    path: str, chosen: Any, dataset: str, more: Sequence[str] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """
    Of the rows that pass `chosen` and of all others: "data set/video" -> hash of the video's frames.

    more: files of which all rows count as chosen. By these a video is recognised, whatever it is called elsewhere
    (ukdlib.learning.seen).
    """
    rows = read_columns(path)
    every, picked = (_identities(part, dataset) for part in (rows, _chosen(rows, chosen)))
    held_out = {name: content for name, content in every.items() if name not in picked}
    return picked | _identities(_all_rows(more), dataset) if more else picked, held_out


def _identities(rows: pa.Table, dataset: str) -> dict[str, str]:
    names = (f"{dataset}/{video_id}" for video_id in rows["video_id"].to_pylist())
    return dict(zip(names, rows["frame_hash"].to_pylist(), strict=True))


def read_videos(path: str, chosen: Any, more: Sequence[str] = ()) -> tuple[list[str], np.ndarray]:
    """
    (video_ids, labels (M,) int) of the rows that pass `chosen`, filters as pyarrow takes them; None: of all.

    more: files of which all rows follow, in which -1 stands for no label.
    """
    rows = _chosen(read_columns(path), chosen)
    if more:
        rows = pa.concat_tables([rows, _all_rows(more)], promote_options="default")
    return rows["video_id"].to_pylist(), rows["label"].to_numpy()


def _all_rows(paths: Sequence[str]) -> pa.Table:
    return pa.concat_tables([read_columns(path) for path in paths])


def _chosen(rows: pa.Table, chosen: Any) -> pa.Table:
    return rows if chosen is None else rows.filter(pq.filters_to_expression(chosen))
