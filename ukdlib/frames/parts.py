"""
A part of a stored video: successive frames in one Arrow record batch, with a checksum.

Most videos have one part, long or large ones several, so that neither who writes nor who reads holds a whole video.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ukdlib.artifacts.sealing import checksum
from ukdlib.frames.encoding import ENCODERS

CHANNELS = (2, 3)
FULL = 64 * 2**20  # bytes after which a part is closed
COLUMNS = [
    ("video_id", pa.string()),
    ("part", pa.int32()),  # 0, 1, ... of this video
    ("last", pa.bool_()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("channels", pa.int32()),
    ("codec", pa.string()),
    ("checksum", pa.uint32()),
    ("frames", pa.list_(pa.large_binary())),
]


class Part(NamedTuple):
    """One row: name of the video, number, whether no other follows, (H, W, C), codec, checksum, images."""

    video_id: str
    number: int
    last: bool
    shape: tuple[int, int, int]
    codec: str
    checksum: int
    pictures: pa.LargeBinaryArray  # memory-mapped

    def is_whole(self) -> bool:
        """Whether the frames are those that were written."""
        return _checksum(self) == self.checksum


def parts_of(video_id: str, frames: Iterable[np.ndarray], codec: str) -> Iterator[Part]:
    """The parts of a video with frames uint8 (H, W, 2 or 3), all of one shape; ValueError with its name otherwise."""
    encoded: list[bytes] = []
    shape, number, size = None, 0, 0
    for frame in frames:
        shape = _checked(video_id, frame, shape)
        if size >= FULL:
            yield _part(video_id, number, False, shape, codec, encoded)
            encoded, number, size = [], number + 1, 0
        encoded.append(ENCODERS[codec](frame))
        size += len(encoded[-1])
    if shape is None:
        raise ValueError(f"{video_id}: frames must be uint8 (T, H, W, 2 or 3), got none")
    yield _part(video_id, number, True, shape, codec, encoded)


def to_batch(part: Part, schema: pa.Schema) -> pa.RecordBatch:
    """One row."""
    values = [part.video_id, part.number, part.last, *part.shape, part.codec, part.checksum]
    arrays = [pa.array([value], kind) for value, (_, kind) in zip(values, COLUMNS[:-1], strict=True)]
    offsets = pa.array([0, len(part.pictures)], pa.int32())
    return pa.record_batch([*arrays, pa.ListArray.from_arrays(offsets, part.pictures)], schema=schema)


def from_batch(batch: pa.RecordBatch) -> Part:
    """What to_batch has stored, its frames not yet read; pyarrow's errors if the batch is damaged."""
    batch.validate(full=True)
    video_id, number, last, *shape, codec, own = (batch[name][0].as_py() for name, _ in COLUMNS[:-1])
    return Part(video_id, number, last, tuple(shape), codec, own, batch["frames"][0].values)


def follows(part: Part, before: Part | None) -> bool:
    """Whether a part continues the video before it, or begins one after a complete video or at the start of a file."""
    if before is None or before.last:
        return part.number == 0
    stated = part.video_id, part.number, part.shape, part.codec
    return stated == (before.video_id, before.number + 1, before.shape, before.codec)


def _part(
    video_id: str, number: int, last: bool, shape: tuple[int, int, int], codec: str, encoded: list[bytes]
) -> Part:
    part = Part(video_id, number, last, shape, codec, 0, pa.array(encoded, pa.large_binary()))
    return part._replace(checksum=_checksum(part))


def _checksum(part: Part) -> int:
    """Over all that is stored, and each frame's length."""
    pieces = [picture.as_buffer() for picture in part.pictures]
    head = f"{part[:5]} {[len(piece) for piece in pieces]}".encode()
    return checksum([head, *pieces])


def _checked(video_id: str, frame: np.ndarray, shape: tuple[int, int, int] | None) -> tuple[int, int, int]:
    kind = frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[-1] in CHANNELS and frame.size > 0
    if not kind or shape not in (None, frame.shape):
        as_before = f", as those before: {shape}" if shape else ""
        raise ValueError(
            f"{video_id}: frames must be uint8 (T, H, W, 2 or 3){as_before}; one is {frame.dtype} {frame.shape}"
        )
    return frame.shape
