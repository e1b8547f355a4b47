"""A split's subsets in Parquet: which videos a training or an export uses."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ukdlib.videos.records import read_columns


def read_identities(path: str, chosen: Any, dataset: str) -> tuple[dict[str, str], dict[str, str]]:
    """
    Of the rows that pass `chosen` and of all others: "data set/video" -> hash of the video's frames.

    By these a video is recognised, whatever it is called elsewhere (ukdlib.learning.seen).
    """
    rows = read_columns(path)
    names = [f"{dataset}/{video_id}" for video_id in rows["video_id"].to_pylist()]
    known = dict(zip(names, rows["frame_hash"].to_pylist(), strict=True))
    picked = {f"{dataset}/{video_id}" for video_id in read_videos(path, chosen)[0]}
    return {n: known[n] for n in names if n in picked}, {n: known[n] for n in names if n not in picked}


def read_videos(path: str, chosen: Any) -> tuple[list[str], np.ndarray]:
    """(video_ids, labels (M,) int) of the rows that pass `chosen`, filters as pyarrow takes them; None: of all."""
    rows = read_columns(path)
    if chosen is not None:
        rows = rows.filter(pq.filters_to_expression(chosen))
    return rows["video_id"].to_pylist(), rows["label"].to_numpy()
