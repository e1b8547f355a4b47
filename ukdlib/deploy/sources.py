"""What a user names as sources: files and folders of videos, and streams."""

import os
from collections.abc import Sequence

from ukdlib.deploy.streams import is_stream
from ukdlib.videos.folders import find_videos, reasons


def find_files(sources: Sequence[str]) -> list[str]:
    """
    The files, folders replaced by all videos below them, each file once.

    A file that does not exist is kept, to be answered with the reason. ValueError if a stream is among several
    sources, or if a folder contains no video.
    """
    paths: list[str] = []
    for source in sources:
        if is_stream(source):
            raise ValueError(f"{source}: a camera, an address or - is used alone, not with other sources")
        if os.path.isdir(source):
            found = find_videos(source)
            if not found.paths:
                raise ValueError(f"{source}: no video in this folder{reasons(found.warnings)}")
            paths += [os.path.join(source, path) for path in found.paths]
        else:
            paths.append(source)
    return list(dict.fromkeys(paths))
