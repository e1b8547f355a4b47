"""Videos of a subset keep their order and their labels."""

import pandas as pd

from ukdlib.videos.records import write_records
from ukdlib.videos.subsets import read_identities, read_videos

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


def test_videos_are_known_by_data_set_name_and_content(tmp_path):
    path = str(tmp_path / "subsets.parquet")
    write_records(path, pd.DataFrame(ROWS).assign(frame_hash=["0c", "0a", "0b"]))
    trained, others = {"toy/c": "0c", "toy/b": "0b"}, {"toy/a": "0a"}
    assert read_identities(path, [("subset", "==", "train")], "toy") == (trained, others)
    assert read_identities(path, None, "toy") == ({**trained, **others}, {})
