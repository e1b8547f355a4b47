"""
Lists of one's own: a CSV with the header `video,label[,subset][,group]`, or a folder for each class.

Labels are names of classes, in any script. Standard library only: the workflow reads them when it is parsed.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ukdlib.annotations import Annotation, checked_path, read_text
from ukdlib.folders import video_ids

REQUIRED, OPTIONAL = ("video", "label"), ("subset", "group")
SUBSETS = ("train", "val", "test", "other")


class Listing(NamedTuple):
    """A data set's videos; subsets and groups: by video, empty if the list does not state them."""

    classes: list[str]
    annotations: list[Annotation]
    subsets: dict[str, str]
    groups: dict[str, str]


def is_table(path: str) -> bool:
    """Whether a list has the header of such a CSV."""
    names = _header(_cells(path))
    return names[:1] == ["video"] or set(REQUIRED) <= set(names)


def read_table(path: str, classes: Sequence[str] | None = None) -> Listing:
    """
    The videos of a CSV; classes: names by number, by default the labels that occur, sorted.

    With given classes a label may also be a number. Raises ValueError with file and line.
    """
    rows = _rows(path)
    names = [unicodedata.normalize("NFC", row["label"]) for _, row in rows]
    known = list(classes) if classes is not None else sorted(set(names))
    ids = video_ids([row["video"] for _, row in rows])
    listing = Listing(known, [], {}, {})
    seen: dict[str, str] = {}
    for (place, row), name in zip(rows, names, strict=True):
        checked_path(place, row["video"])
        video_id = ids[row["video"]]
        if row["video"] in seen:
            raise ValueError(f"{place}: {row['video']!r} is already in {seen[row['video']]}")
        seen[row["video"]] = place
        listing.annotations.append(
            Annotation(video_id, row["video"], _label(place, name, known, classes is not None))
        )
        if row.get("group"):
            listing.groups[video_id] = row["group"]
        if "subset" in row:
            if row["subset"] not in SUBSETS:
                raise ValueError(f"{place}: subset {row['subset']!r}; known are {', '.join(SUBSETS)}")
            listing.subsets[video_id] = row["subset"]
    if listing.groups and len(listing.groups) < len(rows):
        raise ValueError(
            f"{path}: some videos have a group and some have none; give all of them one, or none"
        )
    return listing


def list_folders(
    paths: Sequence[str], classes: Sequence[str] | None = None
) -> tuple[Listing, list[tuple[str, str]]]:
    """
    (videos whose first folder is their class, remarks on those that are left out).

    paths: below the data set's folder; classes: names by number, by default the folders' names, sorted.
    """
    folders = {path: unicodedata.normalize("NFC", path.partition("/")[0]) for path in paths if "/" in path}
    known = list(classes) if classes is not None else sorted(set(folders.values()))
    ids = video_ids(list(paths))
    remarks = [(path, "left out: in no class's folder") for path in paths if folders.get(path) not in known]
    kept = [path for path in paths if folders.get(path) in known]
    annotations = [Annotation(ids[path], path, known.index(folders[path])) for path in kept]
    return Listing(known, annotations, {}, {}), remarks


def _rows(path: str) -> list[tuple[str, dict[str, str]]]:
    """(file:line, column -> value) of every row; quoted values may hold commas, quotes and line ends."""
    cells = _cells(path)
    names = _header(cells)
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if unknown or not set(REQUIRED) <= set(names) or len(set(names)) < len(names):
        raise ValueError(
            f"{path}:1: the header is {names}; it must be video, label and perhaps subset, group"
        )
    rows = []
    for place, values in cells:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(names):
            raise ValueError(f"{place}: {len(values)} columns, the header has {len(names)}")
        row = dict(zip(names, values, strict=True))
        rows.append((place, {key: row[key] if key == "video" else row[key].strip() for key in names}))
    if not rows:
        raise ValueError(f"{path}: names no video")
    for place, row in rows:
        if not row["video"] or not row["label"]:
            raise ValueError(f"{place}: {'video' if not row['video'] else 'label'} is empty")
    return rows


def _cells(path: str) -> Iterator[tuple[str, list[str]]]:
    """
    (file:line, values) of every row, the header first.

    Columns may be set apart by semicolons or tabs, too, as spreadsheets write them in half of the world.
    """
    text = read_text(path)
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        for values in reader:
            yield f"{path}:{reader.line_num}", values
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: {error}; is a quotation mark left open?") from None


def _header(cells: Iterator[tuple[str, list[str]]]) -> list[str]:
    _, names = next(cells, ("", []))
    return [name.strip().lower() for name in names]


def _label(place: str, name: str, classes: Sequence[str], numbers: bool) -> int:
    if name in classes:
        return classes.index(name)
    if numbers and name.isdecimal() and int(name) < len(classes):
        return int(name)
    raise ValueError(f"{place}: label {name!r}; known are {', '.join(classes)}")


def not_listed(listed: Sequence[Annotation], found: Sequence[str]) -> list[str]:
    """Of the files found, those that no list names; .mp4 and .avi stand for each other."""
    names = {_stem(annotation.path) for annotation in listed}
    return [path for path in found if _stem(path) not in names]


def _stem(path: str) -> str:
    return unicodedata.normalize("NFC", os.path.splitext(path)[0])
