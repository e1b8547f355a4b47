"""Videos of a subset keep their order and their labels."""

import pandas as pd

from ukdlib.videos.records import write_records
from ukdlib.videos.subsets import read_videos

ROWS = {
    "video_id": ["c", "a", "b"],
    "label": [2, 0, 1],
    "subset": ["train", "test", "train"],
    "group": ["x", "y", "x"],
}


def test_rows_that_pass_in_their_order(tmp_path):
    path = str(tmp_path / "subsets.parquet")
    write_records(path, pd.DataFrame(ROWS))
    video_ids, labels = read_videos(path, [("subset", "==", "train")])
    assert video_ids == ["c", "b"] and labels.tolist() == [2, 1]
    assert read_videos(path, [("subset", "==", "val")])[0] == []
    assert read_videos(path, None)[0] == ["c", "a", "b"]
