"""
Frames of many videos in one file: an Arrow file with a record batch per video, memory-mapped on reading.

Columns: video_id, height, width, channels, codec, checksum, frames (one binary per frame: raw pixels or a JPEG
file). A window of T frames is read without touching the rest of the file; before the first window of a video its
checksum is verified. Channels are 3 (RGB) or 2 (flow codes).
"""

import mmap
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ukdlib.artifacts.sealing import checksum, damaged, put_in_place, refuse_damage

QUALITY = 95  # of JPEG images, of 100
CHANNELS = (2, 3)
COLUMNS = [
    ("video_id", pa.string()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("channels", pa.int32()),
    ("codec", pa.string()),
    ("checksum", pa.uint32()),
    ("frames", pa.list_(pa.large_binary())),
]
MAGIC = (
    8  # bytes before the first record batch: an Arrow file is a stream between this and a table of contents
)


def resize(frames: np.ndarray, short_side: int | None) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) with min(H, W) = short_side, by area when shrinking; None changes nothing."""
    import cv2  # not above: a training on raw frames does without

    height, width = frames.shape[1:3]
    if short_side is None or short_side == min(height, width):
        return frames
    scale = short_side / min(height, width)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames])


# ---------------------------------------------------------------- one image <-> bytes


def _encode_raw(picture: np.ndarray) -> bytes:
    return picture.tobytes()


def _encode_jpeg(picture: np.ndarray) -> bytes:
    """Two flow channels are stored side by side as one grey image: colour conversion would mix u and v."""
    import cv2

    flat = np.hstack([picture[..., 0], picture[..., 1]]) if picture.shape[-1] == 2 else picture[..., ::-1]
    return cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _decode_raw(pictures: pa.LargeBinaryArray, indices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Frames are contiguous: one copy for all, 2.2 times faster than a copy for each."""
    _, offsets, pixels = pictures.buffers()
    first = np.frombuffer(offsets, np.int64, 1, 8 * pictures.offset)[0]
    size = len(pictures) * int(np.prod(shape))
    return np.frombuffer(pixels, np.uint8, size, first).reshape(len(pictures), *shape).take(indices, axis=0)


def _decode_jpeg(pictures: pa.LargeBinaryArray, indices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    import cv2

    height, width, channels = shape
    # 1.8 times faster than reversing BGR
    kind = cv2.IMREAD_GRAYSCALE if channels == 2 else cv2.IMREAD_COLOR_RGB
    frames = np.empty((len(indices), *shape), np.uint8)
    for frame, index in zip(frames, indices, strict=True):
        decoded: Any = cv2.imdecode(np.frombuffer(pictures[int(index)].as_buffer(), np.uint8), kind)
        frame[:] = decoded.reshape(height, 2, width).swapaxes(1, 2) if channels == 2 else decoded
    return frames


ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {"raw": _encode_raw, "jpeg": _encode_jpeg}
DECODERS: dict[str, Callable[[pa.LargeBinaryArray, np.ndarray, tuple[int, ...]], np.ndarray]] = {
    "raw": _decode_raw,
    "jpeg": _decode_jpeg,
}

# ---------------------------------------------------------------- writing


def write_shard(
    path: str,
    video_ids: Sequence[str],
    make_frames: Callable[[str], np.ndarray],
    codec: str = "raw",
    key: str = "",
) -> None:
    """
    Write the frames of some videos; a killed run resumes where it stopped.

    make_frames(video_id): uint8 (T, H, W, C); codec: raw | jpeg; key: identifies all that the frames depend
    on (ukdlib.artifacts.provenance.resume_key). Videos that an unfinished run with the same key and codec has
    written are copied, not computed again.
    """
    if codec not in ENCODERS:
        raise ValueError(f"unknown codec {codec!r}; known: {sorted(ENCODERS)}")
    if len(set(video_ids)) < len(video_ids):
        raise ValueError(f"{path}: a video is given twice")
    part, left = f"{path}.part", f"{path}.left"
    schema = pa.schema(COLUMNS, metadata={"key": key, "codec": codec, "videos": str(len(video_ids))})
    finished = _take_over(part, left, schema)
    with pa.OSFile(part, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for video_id in video_ids:
            batch = finished.get(video_id)
            writer.write_batch(batch or _batch(video_id, make_frames(video_id), codec, schema))
    put_in_place(part, path)
    with suppress(FileNotFoundError):
        os.remove(left)


def _take_over(part: str, left: str, schema: pa.Schema) -> dict[str, pa.RecordBatch]:
    """
    Videos that earlier runs finished, now in the file `left`, so that `part` can be rewritten from them.

    A run killed while copying has fewer videos in `part` than in `left`, one killed later has more: the
    file with more is used.
    """
    videos = {file: _complete_batches(file, schema) for file in (part, left)}
    if len(videos[part]) > len(videos[left]):
        os.replace(part, left)
        return videos[part]
    return videos[left]


def _complete_batches(path: str, schema: pa.Schema) -> dict[str, pa.RecordBatch]:
    """The intact batches of a possibly truncated file; none if it has another schema, codec or key."""
    batches: dict[str, pa.RecordBatch] = {}
    with suppress(OSError, pa.ArrowException, UnicodeDecodeError):  # no such file, its end, damage
        source = pa.memory_map(path)
        source.seek(MAGIC)
        reader = pa.ipc.open_stream(source)
        if reader.schema.equals(schema) and _made_alike(reader.schema, schema):
            for batch in reader:
                video_id, video = _parse(batch, path)
                if video.is_whole(video_id):
                    batches[video_id] = batch
    return batches


def _made_alike(one: pa.Schema, other: pa.Schema) -> bool:
    return all(one.metadata.get(name) == other.metadata[name] for name in (b"key", b"codec"))


def _batch(video_id: str, frames: np.ndarray, codec: str, schema: pa.Schema) -> pa.RecordBatch:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] not in CHANNELS or 0 in frames.shape:
        raise ValueError(
            f"{video_id}: frames must be uint8 (T, H, W, 2 or 3), got {frames.dtype} {frames.shape}"
        )
    pictures = pa.array([ENCODERS[codec](frame) for frame in frames], pa.large_binary())
    own = _checksum(video_id, frames.shape[1:], codec, pictures)
    columns = [[video_id], *([size] for size in frames.shape[1:]), [codec], [own]]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=False)]
    offsets = pa.array([0, len(frames)], pa.int32())
    return pa.record_batch([*arrays, pa.ListArray.from_arrays(offsets, pictures)], schema=schema)


def _checksum(video_id: str, shape: Sequence[int], codec: str, pictures: pa.LargeBinaryArray) -> int:
    """Over the name, the sizes, and each frame's length and bytes."""
    parts = [picture.as_buffer() for picture in pictures]
    head = f"{video_id} {[len(part) for part in parts]} {tuple(shape)} {codec}".encode()
    return checksum([head, *parts])


# ---------------------------------------------------------------- reading


class _Video(NamedTuple):
    shape: tuple[int, int, int, int]
    codec: str
    pictures: pa.LargeBinaryArray  # memory-mapped
    checksum: int
    path: str

    def is_whole(self, video_id: str) -> bool:
        """Whether the frames are those that were written."""
        return _checksum(video_id, self.shape[1:], self.codec, self.pictures) == self.checksum


class FrameStore:
    """Random access to the frames of all videos of some shards; made by open_shards, can be pickled."""

    def __init__(self, paths: Sequence[str], videos: dict[str, _Video]):
        self.video_ids = list(videos)
        self._paths, self._videos = list(paths), videos
        self._places = {video_id: place for place, video_id in enumerate(videos)}
        # 1 where a checksum was verified; loader processes, which live for one epoch, share it
        self._whole = mmap.mmap(-1, max(1, len(videos)))

    def __reduce__(self):
        return open_shards, (self._paths,)  # a worker process maps the files itself

    @property
    def channels(self) -> int:
        """3 for RGB frames, 2 for flow codes."""
        if not self._videos:
            raise ValueError(f"no video in {', '.join(self._paths)}")
        return next(iter(self._videos.values())).shape[-1]

    def shape(self, video_id: str) -> tuple[int, int, int, int]:
        """(T, H, W, C) of one video."""
        return self._video(video_id).shape

    def window(self, video_id: str, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Frames by number (each 0 .. T-1, any order, repeats allowed), uint8 (len(indices), H, W, C)."""
        video = self._video(video_id)
        if len(indices) == 0 or min(indices) < 0 or max(indices) >= video.shape[0]:
            raise ValueError(
                f"{video_id} has frames 0 to {video.shape[0] - 1}, requested were {list(indices)}"
            )
        if not self._whole[self._places[video_id]]:
            if not video.is_whole(video_id):
                raise damaged(video.path, f"the frames of {video_id!r} are not what was written")
            self._whole[self._places[video_id]] = 1
        return DECODERS[video.codec](video.pictures, np.asarray(indices), video.shape[1:])

    def video(self, video_id: str) -> np.ndarray:
        """All frames of one video, uint8 (T, H, W, C)."""
        return self.window(video_id, range(self.shape(video_id)[0]))

    def _video(self, video_id: str) -> _Video:
        if video_id not in self._videos:
            raise ValueError(f"no video {video_id!r} in {', '.join(self._paths)}")
        return self._videos[video_id]


def open_shards(paths: Sequence[str]) -> FrameStore:
    """All videos of some shards, which must have the same number of channels and share no video."""
    if not paths:
        raise ValueError("no shards of frames given")
    videos: dict[str, _Video] = {}
    for path in paths:
        for video_id, video in _videos(path):
            if video_id in videos:
                raise ValueError(f"{path}: video {video_id!r} is in another shard, too")
            first = next(iter(videos.values()), video)
            if video.shape[-1] != first.shape[-1]:
                raise ValueError(
                    f"{path}: {video_id!r} has {video.shape[-1]} channels, others {first.shape[-1]}"
                )
            videos[video_id] = video
    return FrameStore(paths, videos)


def _videos(path: str) -> Iterable[tuple[str, _Video]]:
    with refuse_damage(path, pa.ArrowException, OSError, UnicodeDecodeError):
        reader = pa.ipc.open_file(pa.memory_map(path))
        if reader.schema.names != [name for name, _ in COLUMNS]:
            raise ValueError(f"{path}: not a shard of frames: its columns are {reader.schema.names}")
        stated = (reader.schema.metadata or {}).get(b"videos", b"none").decode()
        if stated != str(reader.num_record_batches):
            raise damaged(path, f"{reader.num_record_batches} videos are in it, {stated} were written")
        for number in range(reader.num_record_batches):
            yield _parse(reader.get_batch(number), path)


def _parse(batch: pa.RecordBatch, path: str) -> tuple[str, _Video]:
    """(name, the rest) of a stored video, its frames not yet read; pyarrow's errors if the batch is damaged."""
    batch.validate(full=True)
    video_id, height, width, channels, codec, own = (batch[name][0].as_py() for name, _ in COLUMNS[:-1])
    pictures = batch["frames"][0].values
    return video_id, _Video((len(pictures), height, width, channels), codec, pictures, own, path)
