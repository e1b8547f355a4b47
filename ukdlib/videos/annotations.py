"""
ARID's text files: which videos there are, and their labels.

A list names one video per line in one of three forms, with LF or CRLF line ends:

    idx<TAB>label<TAB>Class/name.avi          ARID's own lists
    Class/name.mp4 label                      re-releases
    VideoID,Video,ClassID                     with this header, UG2+; also quoted, or with semicolons

Invalid lines are refused with file and line number. Standard library only: the workflow reads the lists
each time it is parsed, so this module must import quickly.
"""

import csv
import io
import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

SUFFIXES = {".mp4": ".avi", ".avi": ".mp4"}  # lists may have one and folders the other, in both directions
COLUMNS = ("Video", "ClassID")


class Annotation(NamedTuple):
    """One line of a list: the stem of the file name, the path as listed, the number of the class."""

    video_id: str
    path: str
    label: int


# ---------------------------------------------------------------- reading


def read_classes(path: str) -> list[str]:
    """Class names by number, composed Unicode, from a table of `id<TAB>Name`, ids 0 .. C-1 in any order."""
    names: dict[int, str] = {}
    for place, line in lines(path):
        number, _, name = unicodedata.normalize("NFC", line).partition("\t")
        if not number.strip().isdecimal() or not name.strip():
            raise ValueError(f"{place}: {line!r} is not `id<TAB>Name`")
        if int(number) in names or name.strip() in names.values():
            raise ValueError(
                f"{place}: id {int(number)} or class {name.strip()!r} is already in an earlier line"
            )
        names[int(number)] = name.strip()
    if not names or sorted(names) != list(range(len(names))):
        raise ValueError(f"{path}: ids must be 0 .. C-1, got {sorted(names)}")
    return [names[number] for number in range(len(names))]


def read_list(path: str, classes: Sequence[str]) -> list[Annotation]:
    """The videos of one list, in its order. classes: names by number, for the labels' check."""
    annotations: list[Annotation] = []
    seen: dict[str, str] = {}
    for place, (video, label) in entries(path):
        annotation = _annotation(place, video, label, classes)
        if annotation.video_id in seen:
            raise ValueError(f"{place}: {annotation.video_id} is already in {seen[annotation.video_id]}")
        seen[annotation.video_id] = place
        annotations.append(annotation)
    if not annotations:
        raise ValueError(f"{path}: lists no videos")
    return annotations


def read_text(path: str) -> str:
    """A list's text, line ends unchanged; ValueError with file and line if it is not UTF-8 text."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}:{line}: is not UTF-8 text ({error.reason}); save the list as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}:{line}: contains a zero byte; a text file is expected")
    return text


def lines(path: str) -> Iterator[tuple[str, str]]:
    """(file:line, text) of every line that is not blank."""
    for number, line in enumerate(io.StringIO(read_text(path), newline=None), start=1):  # CRLF and LF alike
        if line.strip():
            yield f"{path}:{number}", line.rstrip("\n")


def entries(path: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """(file:line, (video, label)) of a list in any of its forms."""
    rest = lines(path)
    for position, (place, line) in enumerate(rest):
        if position == 0 and re.match(r'\s*"?VideoID"?\s*([,;]|$)', line):
            yield from _csv_entries(place, line, rest)
            return
        columns = line.split("\t") if line.count("\t") == 2 else ["", *line.rsplit(maxsplit=1)[::-1]]
        if len(columns) != 3:
            raise ValueError(f"{place}: {line!r} is neither `idx<TAB>label<TAB>path` nor `path label`")
        yield place, (columns[2].strip(), columns[1].strip())


def _csv_entries(
    place: str, header: str, rest: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, tuple[str, str]]]:
    mark = max(",;", key=header.count)
    names = [name.strip() for name in _columns(header, mark)]
    if not set(COLUMNS) <= set(names):
        raise ValueError(
            f"{place}: the header is {header!r}; it must have the columns {' and '.join(COLUMNS)}"
        )
    video, label = (names.index(name) for name in COLUMNS)
    for place, line in rest:
        columns = _columns(line, mark)
        if len(columns) != len(names):
            raise ValueError(f"{place}: {line!r} has {len(columns)} columns, the header {len(names)}")
        yield place, (columns[video].strip(), columns[label].strip())


def _columns(line: str, mark: str) -> list[str]:
    return next(csv.reader([line], delimiter=mark, skipinitialspace=True))


def _annotation(place: str, video: str, label: str, classes: Sequence[str]) -> Annotation:
    if not label.isdecimal() or int(label) >= len(classes):
        raise ValueError(f"{place}: label {label!r}; known are 0 to {len(classes) - 1}")
    path = checked_path(place, video)
    if not path.suffix and re.search(r"\s\d+$", video):
        raise ValueError(
            f"{place}: {video!r} looks like a folder with its number of frames; a video is expected"
        )
    folders = unicodedata.normalize("NFC", str(path.parent)).split("/")
    named = [folder for folder in folders if folder in classes]
    if named and named[-1] != classes[int(label)]:
        raise ValueError(f"{place}: label {label} is {classes[int(label)]}, but the folder is {named[-1]}")
    return Annotation(path.stem, str(path), int(label))


def checked_path(place: str, video: str) -> PurePosixPath:
    """The listed path, which must be below the folder of videos; without the ./ and // that `find .` prints."""
    path = PurePosixPath(video)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in video
        or re.match("[A-Za-z]:", video)
    ):
        raise ValueError(
            f"{place}: {video!r} must be a path below the folder of videos, with / between folders"
        )
    return path


# ---------------------------------------------------------------- one video


def locate(folder: str, path: str) -> str | None:
    """
    The listed video's file below `folder` or None.

    .mp4 and .avi are equivalent, as are upper and lower case in them and the Unicode forms of a name: file systems
    and list writers differ in these.
    """
    candidates = (os.path.join(folder, spelling) for spelling in _spellings(path))
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), None)


def _spellings(path: str) -> Iterator[str]:
    """Possible names of a listed file, most likely first."""
    for form in dict.fromkeys([path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD"))]):
        stem, suffix = os.path.splitext(form)
        others = [suffix, SUFFIXES.get(suffix.lower(), suffix)]
        yield from dict.fromkeys(
            [stem + each for each in (*others, *(o.lower() for o in others), *(o.upper() for o in others))]
        )


def shard_of(video_id: str, shards: int) -> int:
    """Number of the shard, 0 .. shards-1: depends on the name alone, so that a new video moves no other."""
    return zlib.crc32(video_id.encode()) % shards


def by_video(lists: Iterable[Sequence[Annotation]]) -> dict[str, Annotation]:
    """Video -> annotation over all lists of a data set, which must not contradict each other."""
    videos: dict[str, Annotation] = {}
    for annotation in (annotation for annotations in lists for annotation in annotations):
        first = videos.setdefault(annotation.video_id, annotation)
        if first != annotation:
            raise ValueError(
                f"video {annotation.video_id!r} is {first.path!r} with label {first.label} in one list "
                f"and {annotation.path!r} with label {annotation.label} in another"
            )
    return videos
