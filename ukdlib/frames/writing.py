"""A file of the frames of many videos, written frame by frame; a killed run resumes where it stopped."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa

from ukdlib.artifacts.sealing import put_in_place, remove_link
from ukdlib.frames.encoding import ENCODERS
from ukdlib.frames.parts import COLUMNS, follows, from_batch, parts_of, to_batch

MAGIC = (
    8  # bytes before the first record batch: an Arrow file is a stream between this and a table of contents
)


def write_shard(
    path: str,
    video_ids: Sequence[str],
    make_frames: Callable[[str], Iterable[np.ndarray]],
    codec: str = "raw",
    key: str = "",
) -> None:
    """
    Write the frames of some videos.

    make_frames(video_id): uint8 (T, H, W, C), or its frames one by one, which takes no more memory for longer
    videos; codec: raw | jpeg; key: identifies all that the frames depend on (ukdlib.artifacts.provenance.resume_key).
    Videos that an unfinished run with the same key and codec has written are copied, not computed again.
    """
    if codec not in ENCODERS:
        raise ValueError(f"unknown codec {codec!r}; known: {sorted(ENCODERS)}")
    if len(set(video_ids)) < len(video_ids):
        raise ValueError(f"{path}: a video is given twice")
    part, left = f"{path}.part", f"{path}.left"
    schema = pa.schema(COLUMNS, metadata={"key": key, "codec": codec, "videos": str(len(video_ids))})
    for file in (part, left):
        remove_link(file)
    finished = _take_over(part, left, schema)
    with pa.OSFile(part, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for video_id in video_ids:
            if video_id in finished:
                batches: Iterable[pa.RecordBatch] = finished[video_id]
            else:
                batches = (
                    to_batch(each, schema) for each in parts_of(video_id, make_frames(video_id), codec)
                )
            for batch in batches:
                writer.write_batch(batch)
    put_in_place(part, path)
    with suppress(FileNotFoundError):
        os.remove(left)


def _take_over(part: str, left: str, schema: pa.Schema) -> dict[str, list[pa.RecordBatch]]:
    """
    Videos that earlier runs finished, now in the file `left`, so that `part` can be rewritten from them.

    A run killed while copying has fewer videos in `part` than in `left`, one killed later has more: the
    file with more is used.
    """
    videos = {file: _complete_videos(file, schema) for file in (part, left)}
    if len(videos[part]) > len(videos[left]):
        os.replace(part, left)
        return videos[part]
    return videos[left]


def _complete_videos(path: str, schema: pa.Schema) -> dict[str, list[pa.RecordBatch]]:
    """The batches of intact videos of a possibly truncated file; none if it has another schema, codec or key."""
    videos: dict[str, list[pa.RecordBatch]] = {}
    begun: list[pa.RecordBatch] = []
    with suppress(OSError, pa.ArrowException, UnicodeDecodeError):  # no such file, its end, damage
        source = pa.memory_map(path)
        source.seek(MAGIC)
        reader = pa.ipc.open_stream(source)
        if not (reader.schema.equals(schema) and _made_alike(reader.schema, schema)):
            return {}
        for batch in reader:
            part = from_batch(batch)
            if not part.is_whole() or not follows(part, from_batch(begun[-1]) if begun else None):
                begun = []
                continue
            begun.append(batch)
            if part.last:
                videos[part.video_id], begun = begun, []
    return videos


def _made_alike(one: pa.Schema, other: pa.Schema) -> bool:
    return all(one.metadata.get(name) == other.metadata[name] for name in (b"key", b"codec"))
