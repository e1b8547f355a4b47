"""
Labels that replace the listed ones: a CSV with the columns `video_id` and `class`, others are ignored.

Standard library only: the workflow reads it when it is parsed.
"""

import csv
import io
import unicodedata
from collections.abc import Collection, Sequence

from ukdlib.videos.annotations import read_text

COLUMNS = ("video_id", "class")


def read_corrections(path: str, classes: Sequence[str], videos: Collection[str]) -> dict[str, int]:
    """
    Video -> number of the class that it has instead of the listed one.

    classes: names by number; videos: of the data set. Refused, with file and line: other videos and classes, a video
    twice, a file without the two columns.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)))
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or [])]:
        raise ValueError(
            f"{path}: no column {missing[0]!r}; expected a CSV with the columns video_id and class"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    corrected: dict[str, int] = {}
    for row in rows:
        video, name = ((row[column] or "").strip() for column in COLUMNS)
        place, name = f"{path}:{rows.line_num}", unicodedata.normalize("NFC", name)
        if video not in videos:
            raise ValueError(f"{place}: video {video!r} is in no list of the data set")
        if name not in numbers:
            raise ValueError(f"{place}: {name!r} is no class of the data set: {', '.join(classes)}")
        if video in corrected:
            raise ValueError(f"{place}: video {video!r} is in an earlier line, too")
        corrected[video] = numbers[name]
    return corrected
