"""
Video files below a folder, found without trusting its content.

Links are followed, but not in loops, and out of the folder only if that is allowed. A name that is not UTF-8 is
skipped with a warning; so are files without a video suffix, with one warning for each folder of the first level.
Standard library only: the workflow searches when it is parsed.
"""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

VIDEO_SUFFIXES = frozenset(
    ".3gp .asf .avi .flv .h264 .hevc .m2ts .m4v .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .ogg .ogv .ts .vob "
    ".webm .wmv".split()
)
REASONS_SHOWN = 3  # of the reasons why nothing was found
SUFFIXES_SHOWN = 5  # of the suffixes of other files


class Found(NamedTuple):
    """paths: below the folder, with / between folders, sorted; warnings: (path, what was skipped and why)."""

    paths: list[str]
    warnings: list[tuple[str, str]]


def find_videos(folder: str, links_out: bool = False) -> Found:
    """
    All files below `folder` with a video's suffix; hidden ones are ignored.

    links_out: also follow links that leave the folder. Raises ValueError if the folder does not exist.
    """
    if not os.path.isdir(folder):
        raise ValueError(f"{folder} is not a folder")
    root = os.path.realpath(folder)
    found = Found([], [])
    others: defaultdict[str, Counter[str]] = defaultdict(Counter)  # count of each suffix, by first folder
    for path in _walk(folder, "", (root,), links_out, found.warnings):
        suffix = os.path.splitext(path)[1].lower()
        if suffix in VIDEO_SUFFIXES:
            found.paths.append(path)
        else:
            others[path.partition("/")[0] if "/" in path else "."][suffix] += 1
    found.paths.sort()
    empty = _without_video(folder, found)
    found.warnings.extend((first, _skipped(suffixes)) for first, suffixes in sorted(others.items()))
    found.warnings.extend((first, "contains no video") for first in empty)
    return found


def _skipped(suffixes: Counter[str]) -> str:
    """One warning about all files of a folder that have other suffixes: there may be 100,000 images."""
    count = suffixes.total()
    names = [name or "none" for name, _ in suffixes.most_common(SUFFIXES_SHOWN)]
    more = [f"{len(suffixes) - SUFFIXES_SHOWN} more"] if len(suffixes) > SUFFIXES_SHOWN else []
    files = "file" if count == 1 else "files"
    return f"skipped: {count} {files} without a video suffix: {', '.join(sorted(names) + more)}"


def _without_video(folder: str, found: Found) -> list[str]:
    """Folders of the first level without videos that no warning names yet."""
    known = {path.partition("/")[0] for path in found.paths} | {path for path, _ in found.warnings}
    names = sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
    return [name for name in names if name[0] != "." and plain(name) not in known]


def _walk(
    folder: str,
    below: str,
    above: tuple[str, ...],
    links_out: bool,
    warnings: list[tuple[str, str]],
) -> Iterator[str]:
    """Paths of the files below `below`; above: real paths of the folders that lead here, for loops."""
    with os.scandir(os.path.join(folder, below)) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith("."):
                continue
            if not _is_utf8(path):
                warnings.append((plain(path), "skipped: its name is not UTF-8"))
                continue
            real = os.path.realpath(entry.path) if entry.is_symlink() else None
            if real is not None and not os.path.exists(real):
                warnings.append((path, "skipped: a broken link"))
            elif real is not None and not links_out and leads_out(entry.path, folder):
                warnings.append(
                    (path, "skipped: a link that leaves the folder; `links_out: true` follows it")
                )
            elif entry.is_dir():
                real = real or os.path.join(above[-1], entry.name)
                if real in above:
                    warnings.append((path, "skipped: a link to a folder that contains it"))
                else:
                    yield from _walk(folder, path, (*above, real), links_out, warnings)
            elif entry.is_file():
                yield path


def leads_out(path: str, folder: str) -> bool:
    """Whether a file is outside the folder once all links are resolved."""
    root = os.path.realpath(folder)
    return os.path.commonpath([os.path.realpath(path), root]) != root


def video_ids(paths: list[str]) -> dict[str, str]:
    """Path -> name of the video: the path without its suffix, in composed Unicode, unless two files share that."""
    stems = {path: unicodedata.normalize("NFC", os.path.splitext(path)[0]) for path in paths}
    first: dict[str, str] = {}
    shared = {stem for path, stem in stems.items() if first.setdefault(stem, path) != path}
    return {path: path if stem in shared else stem for path, stem in stems.items()}


def plain(path: str) -> str:
    """The path with bytes that are not UTF-8 escaped, for tables and logs."""
    return path.encode("utf-8", "backslashreplace").decode()


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def reasons(warnings: Sequence[tuple[str, str]]) -> str:
    """The first of the warnings, to be appended to an error, and how many more there are."""
    shown = [f"{path}: {reason}" for path, reason in warnings[:REASONS_SHOWN]]
    more = [f"{len(warnings) - REASONS_SHOWN} more"] if len(warnings) > REASONS_SHOWN else []
    return "".join(f"; {each}" for each in shown + more)
