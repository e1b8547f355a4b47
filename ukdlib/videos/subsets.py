"""A split's subsets in Parquet: which videos a training or an export uses."""

from typing import Any

import numpy as np

from ukdlib.videos.records import read_records


def read_videos(path: str, chosen: Any) -> tuple[list[str], np.ndarray]:
    """(video_ids, labels (M,) int) of the rows that pass `chosen`, filters as pyarrow takes them."""
    rows = read_records(path, chosen)
    return rows["video_id"].tolist(), rows["label"].to_numpy()
