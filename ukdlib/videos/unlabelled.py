"""
Clips without labels: night footage that nobody has sorted, from a list or a folder.

A list names a video per line, or is a CSV with a column `video`, perhaps `group`; labels in it are not read. Names and
frames are compared with those of the labelled videos, since a clip of a test group would show its person and place to
the student. Standard library only: the workflow reads the list when it is parsed.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ukdlib.settings.config import NO_LABEL
from ukdlib.videos.annotations import Annotation, checked_path
from ukdlib.videos.folders import find_videos, video_ids
from ukdlib.videos.listing import paths_of

HELD_OUT = ("val", "test")


class Unlabelled(NamedTuple):
    """videos: by name, the path without suffix; groups: stated by a list; warnings: (video or file, warning)."""

    videos: dict[str, Annotation]
    groups: dict[str, str]
    warnings: list[tuple[str, str]]


def read_unlabelled(folder: str, source: str, links_out: bool) -> Unlabelled:
    """The clips of `source`: a list, or a folder below `folder`, the data set's; ValueError if there are none."""
    stated: dict[str, str] = {}
    if os.path.isfile(source):
        (stated, paths), warnings = paths_of(source), []
    else:
        below = str(checked_path("unlabelled is not a file, so a folder is meant", source))
        if not os.path.isdir(os.path.join(folder, below)):
            raise ValueError(f"unlabelled: {source!r} is neither a file nor a folder below {folder}")
        found = find_videos(os.path.join(folder, below), links_out)
        paths, warnings = [f"{below}/{path}" for path in found.paths], found.warnings
    if not paths:
        raise ValueError(f"unlabelled: {source} has no videos")
    ids = video_ids(paths)
    videos = {ids[path]: Annotation(ids[path], path, NO_LABEL) for path in paths}
    return Unlabelled(videos, {ids[path]: group for path, group in stated.items()}, warnings)


def refuse_labelled(videos: Iterable[Annotation], labelled: Iterable[Annotation]) -> None:
    """ValueError if a clip without label has one, too, or shares its name with a video that has."""
    others = list(labelled)
    paths, names = ({getattr(video, key): video for video in others} for key in ("path", "video_id"))
    for video in videos:
        if twin := paths.get(video.path):
            raise ValueError(
                f"unlabelled: {video.path!r} is labelled, too, as {twin.video_id!r}; it can be only one of both"
            )
        if twin := names.get(video.video_id):
            raise ValueError(
                f"unlabelled: {video.path!r} and {twin.path!r}, which is labelled, are both called {twin.video_id!r}; "
                "rename one, or put it into a folder"
            )


def groups_of_unlabelled(
    videos: Sequence[str], stated: Mapping[str, str], pattern: str | None
) -> dict[str, str]:
    """Video -> group: as stated, or captured by the pattern in its name, with or without folders, or itself."""
    names = {video: (video, video.rpartition("/")[2]) for video in videos}
    matches = {
        video: next(filter(None, (re.search(pattern, name) for name in names[video])), None)
        if pattern
        else None
        for video in videos
    }
    return {
        video: stated.get(video) or (match[1] if (match := matches[video]) and match[1] else video)
        for video in videos
    }


def refuse_held_out(rows: Sequence[Mapping[str, str]], subsets: Sequence[Mapping[str, str]]) -> None:
    """
    ValueError if a clip without label is of a group, or has the frames, of a test or validation clip.

    rows, subsets: {video_id, group, frame_hash}, of the clips without labels and of the labelled ones with `subset`.
    """
    held = [row for row in subsets if row["subset"] in HELD_OUT]
    for key, what in (("group", "is of the group"), ("frame_hash", "has the frames")):
        first = {row[key]: row for row in reversed(held)}
        for row in rows:
            if (other := first.get(row[key])) is not None:
                value = f" {row[key]!r}" if key == "group" else ""
                raise ValueError(
                    f"unlabelled: {row['video_id']!r} {what}{value} of {other['video_id']!r}, a {other['subset']} "
                    "clip; leave it out, or its person and place are known to the student that is tested"
                )
