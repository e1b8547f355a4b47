"""
The user's own lists: a CSV with the header `video,label[,subset][,group]`, or a folder for each class, optionally
below folders train, test and val.

Labels are class names, in any script. Standard library only: the workflow reads them when it is parsed.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ukdlib.videos.annotations import SUFFIXES, Annotation, checked_path, entries, lines, read_text
from ukdlib.videos.folders import VIDEO_SUFFIXES, video_ids

REQUIRED, OPTIONAL = ("video", "label"), ("subset", "group")
SPELLINGS = {
    "train": "train training trainset train_set trn".split(),
    "val": "val valid validate validation validationset validation_set valset val_set dev".split(),
    "test": "test testing testset test_set tst eval evaluation".split(),
    "other": ["other", "others"],
}
SUBSETS = {name: subset for subset, names in SPELLINGS.items() for name in names}
# blank lines, the line in which spreadsheets state the separator, comments
BEFORE_THE_HEADER = re.compile(r"\A([^\S\n]*\n|sep=.[^\S\n]*\n|#.*\n)+")


LABELLED = r'\t|\s\d+$|^\s*"?VideoID"?\s*[,;]'  # the first line of a list in one of ARID's forms


class Listing(NamedTuple):
    """
    A data set's videos; subsets and groups: by video, empty if the list does not state them; others: paths of those
    marked as `other`, which are in neither.
    """

    classes: list[str]
    annotations: list[Annotation]
    subsets: dict[str, str]
    groups: dict[str, str]
    others: list[str]


def is_table(path: str) -> bool:
    """Whether a list has the header of such a CSV, or is a CSV that should have it."""
    _, header = next(_cells(path), ("", []))
    names = _names(header)
    return names[:1] == ["video"] or set(REQUIRED) <= set(names) or _should_have_header(path, header)


def read_table(path: str, classes: Sequence[str] | None = None) -> Listing:
    """
    The videos of a CSV; classes: names by number, by default the labels that occur outside `other`, sorted.

    With given classes a label may also be a number. Raises ValueError with file and line.
    """
    rows = _rows(path)
    used = [(place, row) for place, row in rows if row.get("subset") != "other"]
    known = list(classes) if classes is not None else sorted({row["label"] for _, row in used})
    ids = video_ids([row["video"] for _, row in rows])
    others = [row["video"] for _, row in rows if row.get("subset") == "other"]
    listing = Listing(known, [], {}, {}, others)
    for place, row in used:
        video_id = ids[row["video"]]
        label = _label(place, row["label"], known, classes is not None)
        listing.annotations.append(Annotation(video_id, row["video"], label))
        if row.get("group"):
            listing.groups[video_id] = row["group"]
        if "subset" in row:
            listing.subsets[video_id] = row["subset"]
    _whole_groups(path, [row for _, row in used])
    return listing


def paths_of(path: str) -> tuple[dict[str, str], list[str]]:
    """
    (group by path, paths) of a list whose labels are not read: ARID's, a CSV, or a path per line.

    A CSV has a column `video`, and perhaps `group`. Raises ValueError with file and line.
    """
    _, header = next(_cells(path), ("", []))
    names = _names(header)
    if ("video" in names or _should_have_header(path, header)) and "videoid" not in names:
        rows = [row for _, row in _rows(path, required=("video",))]
        return _whole_groups(path, rows), [row["video"] for row in rows]
    plain = [(place, line.strip()) for place, line in lines(path) if not line.lstrip().startswith("#")]
    if any(re.search(LABELLED, line) for _, line in plain[:1]):
        plain = [(place, video) for place, (video, _) in entries(path)]
    for place, video in plain:
        if os.path.splitext(video)[1].lower() not in VIDEO_SUFFIXES:
            raise ValueError(
                f"{place}: {video!r} does not end like a video; expected is a path per line, or a CSV with a column "
                "video"
            )
    paths = [(place, str(checked_path(place, video))) for place, video in plain]
    _refuse_repeated(paths)
    return {}, [path for _, path in paths]


def _whole_groups(path: str, rows: Sequence[dict[str, str]]) -> dict[str, str]:
    """Group by path; ValueError if only some of the rows have one."""
    groups = {row["video"]: row["group"] for row in rows if row.get("group")}
    if groups and len(groups) < len(rows):
        raise ValueError(
            f"{path}: some videos have a group and some have none; give a group to all of them, or to none"
        )
    return groups


def list_folders(
    paths: Sequence[str], classes: Sequence[str] | None = None
) -> tuple[Listing, list[tuple[str, str]]]:
    """
    (videos whose first folder is their class, warnings about those that are skipped).

    Below folders train, test and optionally val, in any usual spelling, the second folder is the class.
    paths: below the data set's folder; classes: names by number, by default the folders' names, sorted. Raises
    ValueError if the first folders may or may not be the classes.
    """
    level = int(_are_subsets(paths))
    if not level and classes is None:
        _refuse_same_folders(paths)
    parts = {path: unicodedata.normalize("NFC", path).split("/") for path in paths}
    folders = {path: names[level] for path, names in parts.items() if len(names) > level + 1}
    known = list(classes) if classes is not None else sorted(set(folders.values()))
    ids = video_ids(list(paths))
    warnings = [(path, "skipped: not in a class folder") for path in paths if folders.get(path) not in known]
    kept = [path for path in paths if folders.get(path) in known]
    annotations = [Annotation(ids[path], path, known.index(folders[path])) for path in kept]
    subsets = {ids[path]: SUBSETS[parts[path][0].lower()] for path in kept if level}
    return Listing(known, annotations, subsets, {}, []), warnings


def _are_subsets(paths: Sequence[str]) -> bool:
    """Whether all first folders are subsets, with videos in folders below them; refused if one is missing or twice."""
    first = {path.partition("/")[0] for path in paths if "/" in path}
    subsets = [SUBSETS.get(name.lower()) for name in sorted(first)]
    if len(first) < 2 or None in subsets or not any(path.count("/") > 1 for path in paths):
        return False
    if not {"train", "test"} <= set(subsets) or "other" in subsets or len(set(subsets)) < len(subsets):
        raise ValueError(
            f"the folders {', '.join(sorted(first))} look like subsets; needed are train and test, and optionally "
            "val, once each: rename them (validation videos can also be drawn from train), or write a list"
        )
    return True


def _refuse_same_folders(paths: Sequence[str]) -> None:
    """Folders that all hold the same two or more folders: either level may be the classes."""
    below: dict[str, set[str]] = {}
    for first, second, *deeper in (path.split("/") for path in paths if "/" in path):
        below.setdefault(first, set()).update([second] if deeper else [])
    (names, *others) = below.values() or [set()]
    if others and len(names) > 1 and all(other == names for other in others):
        raise ValueError(
            f"the folders {', '.join(sorted(below))} all hold the folders {', '.join(sorted(names))}: either may be "
            "the classes; name those in a file and give it as `classes`, or write a list"
        )


def _rows(path: str, required: Sequence[str] = REQUIRED) -> list[tuple[str, dict[str, str]]]:
    """(file:line, column -> value) of every row; quoted values may hold commas, quotes and line ends."""
    cells = _cells(path)
    place, header = next(cells, (path, []))
    names = _names(header)
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if unknown or not set(required) <= set(names) or len(set(names)) < len(names):
        optional = ", ".join(name for name in REQUIRED + OPTIONAL if name not in required)
        raise ValueError(
            f"{place}: the header is {header}; it must be {', '.join(required)} and optionally {optional}"
        )
    rows = []
    for place, values in cells:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(names):
            raise ValueError(f"{place}: {len(values)} columns, the header has {len(names)}")
        rows.append((place, _row(place, dict(zip(names, values, strict=True)), required)))
    if not rows:
        raise ValueError(f"{path}: lists no videos")
    _refuse_repeated([(place, row["video"]) for place, row in rows])
    return rows


def _refuse_repeated(videos: Iterable[tuple[str, str]]) -> None:
    """videos: (file:line, path), each of which may be there once."""
    seen: dict[str, str] = {}
    for place, video in videos:
        if (name := one_spelling(video)) in seen:
            raise ValueError(f"{place}: {video!r} is already in {seen[name]}")
        seen[name] = place


def _row(place: str, cells: dict[str, str], required: Sequence[str]) -> dict[str, str]:
    row = {key: unicodedata.normalize("NFC", cell.strip()) for key, cell in cells.items()}
    row["video"] = cells["video"]  # a file name may begin or end with a space
    for name in required:
        if not row[name]:
            raise ValueError(f"{place}: {name} is empty")
    if "subset" in row:
        if row["subset"].lower() not in SUBSETS:
            raise ValueError(f"{place}: subset {row['subset']!r}; known are {', '.join(SPELLINGS)}")
        row["subset"] = SUBSETS[row["subset"].lower()]
    return row | {"video": str(checked_path(place, row["video"]))}


def _cells(path: str) -> Iterator[tuple[str, list[str]]]:
    """
    (file:line, values) of every row, the header first.

    Columns may also be separated by semicolons or tabs, as spreadsheets write them in many locales.
    """
    whole = read_text(path)
    text = BEFORE_THE_HEADER.sub("", whole)
    skipped = whole.count("\n") - text.count("\n")
    mark = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    try:
        for values in reader:
            yield f"{path}:{skipped + reader.line_num}", values
    except csv.Error as error:
        place = f"{path}:{skipped + reader.line_num}"
        raise ValueError(f"{place}: {error}; is a quotation mark not closed?") from None


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _should_have_header(path: str, header: Sequence[str]) -> bool:
    """Whether a CSV's first row is neither UG2+'s header nor a line of ARID's lists, which may end in .csv, too."""
    if not path.lower().endswith((".csv", ".tsv")) or not any(header):
        return False
    arids = all(cell.isdecimal() for cell in header[:2]) or re.search(
        r"[^,;]\s+\d+$", ",".join(header).strip()
    )
    return not arids and _names(header)[0] != "videoid"


def _label(place: str, name: str, classes: Sequence[str], numbers: bool) -> int:
    if name in classes:
        return classes.index(name)
    if numbers and name.isdecimal() and int(name) < len(classes):
        return int(name)
    raise ValueError(f"{place}: label {name!r}; known are {', '.join(classes)}")


def not_listed(listed: Iterable[str], found: Sequence[str]) -> list[str]:
    """The files found that no listed path names; .mp4 and .avi are equivalent, in any letter case."""
    names = set(map(one_spelling, listed))
    return [path for path in found if one_spelling(path) not in names]


def one_spelling(path: str) -> str:
    """One name for all spellings under which annotations.locate finds a file."""
    stem, suffix = os.path.splitext(unicodedata.normalize("NFC", path))
    return stem + min(suffix.lower(), SUFFIXES.get(suffix.lower(), suffix.lower()))
