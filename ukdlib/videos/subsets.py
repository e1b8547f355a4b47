"""A split's subsets in Parquet: which videos a training or an export uses."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ukdlib.videos.records import read_columns


def read_videos(path: str, chosen: Any) -> tuple[list[str], np.ndarray]:
    """(video_ids, labels (M,) int) of the rows that pass `chosen`, filters as pyarrow takes them; None: of all."""
    rows = read_columns(path)
    if chosen is not None:
        rows = rows.filter(pq.filters_to_expression(chosen))
    return rows["video_id"].to_pylist(), rows["label"].to_numpy()
