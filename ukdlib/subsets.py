"""A split's subsets in Parquet: which videos a training or an export is about."""

from typing import Any

import numpy as np
import pyarrow.parquet as parquet


def read_videos(path: str, chosen: Any) -> tuple[list[str], np.ndarray]:
    """(video_ids, labels (M,) int) of the rows that pass `chosen`, filters as pyarrow takes them."""
    rows = parquet.read_table(path, filters=chosen)
    return rows["video_id"].to_pylist(), rows["label"].to_numpy()
