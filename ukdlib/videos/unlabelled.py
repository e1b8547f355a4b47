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
from ukdlib.videos.folders import find_videos, reasons, video_ids
from ukdlib.videos.listing import one_spelling, paths_of
from ukdlib.videos.splits import check_pattern

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
        found, inside = find_videos(folder, links_out), f"{below}/"
        paths = [path for path in found.paths if path.startswith(inside)]
        warnings = [(path, words) for path, words in found.warnings if f"{path}/".startswith(inside)]
    if not paths:
        raise ValueError(f"unlabelled: {source} has no videos{reasons(warnings)}")
    ids = video_ids(paths)
    videos = {ids[path]: Annotation(ids[path], path, NO_LABEL) for path in paths}
    return Unlabelled(videos, {ids[path]: group for path, group in stated.items()}, warnings)


def refuse_labelled(videos: Iterable[Annotation], labelled: Iterable[Annotation]) -> None:
    """ValueError if a clip without label has one, too, or shares its name with a video that has."""
    others = list(labelled)
    paths = {one_spelling(video.path): video for video in others}
    names = {video.video_id: video for video in others}
    for video in videos:
        if twin := paths.get(one_spelling(video.path)):
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
    if stated or not pattern:
        return {video: stated.get(video, video) for video in videos}
    check_pattern(pattern)
    return {video: _captured(pattern, video) or video for video in videos}


def _captured(pattern: str, video: str) -> str | None:
    found = (re.search(pattern, name) for name in (video, video.rpartition("/")[2]))
    return next((match[1] for match in found if match and match[1]), None)


def unknown_groups(read: Unlabelled, pattern: str | None, grouped: bool) -> list[tuple[str, str]]:
    """
    (key, warning) about clips of which nobody knows the group, if the labelled ones have groups (grouped).

    The check against held-out groups cannot see them.
    """
    groups = groups_of_unlabelled(list(read.videos), read.groups, pattern)
    unknown = sorted(video for video, group in groups.items() if group == video)
    if not grouped or not unknown:
        return []
    return [
        (
            "unlabelled",
            f"{len(unknown)} of {len(groups)} clips state no group, {unknown[0]!r} among them: whether they show a "
            "person or place of a test clip is not known; name groups in a list with a column group",
        )
    ]


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
