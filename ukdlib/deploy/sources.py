"""What a user names as sources: files and folders of videos, and streams."""

import os
import sys
from collections.abc import Sequence

from ukdlib.deploy.streams import is_stream
from ukdlib.videos.folders import find_videos, reasons


def find_files(sources: Sequence[str]) -> list[str]:
    """
    The files, folders replaced by all videos below them, each file once; what is skipped in a folder is said.

    A file that does not exist is kept, to be answered with the reason. ValueError if a stream is among several
    sources, if a source is neither file nor folder, or if a folder contains no video.
    """
    paths: list[str] = []
    for source in sources:
        if is_stream(source):
            raise ValueError(f"{source}: a camera, an address or - is used alone, not with other sources")
        if os.path.isdir(source):
            paths += _below(source)
        elif os.path.exists(source) and not os.path.isfile(source):
            raise ValueError(
                f"{source}: neither a file nor a folder; a pipe is read as -, a camera as its number"
            )
        else:
            paths.append(source)
    once: dict[str, str] = {}
    for path in paths:
        once.setdefault(os.path.abspath(path), path)
    return list(once.values())


def _below(folder: str) -> list[str]:
    found = find_videos(folder)
    if not found.paths:
        raise ValueError(f"{folder}: no video in this folder{reasons(found.warnings)}")
    for path, warning in found.warnings:
        print(f"{os.path.join(folder, path)}: {warning.partition(';')[0]}", file=sys.stderr)
    return [os.path.join(folder, path) for path in found.paths]
