"""
Frames of many videos in one file: an Arrow file with a record batch for each part of a video, memory-mapped on reading.

A window of T frames is read without touching the rest of the file; before the first window of a part its checksum
is verified. Who reads a video from its beginning to its end holds one part of it in memory.
"""

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ukdlib.artifacts.sealing import damaged, refuse_damage, sha256
from ukdlib.frames.encoding import DECODERS
from ukdlib.frames.parts import COLUMNS, Part, follows, from_batch

AT_ONCE = 32  # frames that are read together where all are wanted


class _File(NamedTuple):
    path: str
    content: mmap.mmap
    address: int  # of its first byte in memory


class _Video(NamedTuple):
    parts: list[Part]
    starts: np.ndarray  # number of each part's first frame
    length: int
    first: int  # number of its first part among all of the store
    file: _File


class FrameStore:
    """Random access to the frames of all videos of some shards; made by open_shards, can be pickled."""

    def __init__(self, paths: Sequence[str], videos: dict[str, _Video]):
        self.video_ids = list(videos)
        self._paths, self._videos = list(paths), videos
        # 1 where a checksum was verified
        self._whole = bytearray(sum(len(video.parts) for video in videos.values()))

    def __reduce__(self):
        return open_shards, (self._paths,)  # another process maps the files itself

    @property
    def channels(self) -> int:
        """3 for RGB frames, 2 for flow codes."""
        if not self._videos:
            raise ValueError(f"no video in {', '.join(self._paths)}")
        return next(iter(self._videos.values())).parts[0].shape[-1]

    def shape(self, video_id: str) -> tuple[int, int, int, int]:
        """(T, H, W, C) of one video."""
        video = self._video(video_id)
        return (video.length, *video.parts[0].shape)

    def window(
        self, video_id: str, indices: Sequence[int] | np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """
        Frames by number (each 0 .. T-1, any order, repeats allowed), uint8 (len(indices), H, W, C).

        out: where to write them; it is returned. Threads may read at the same time.
        """
        video = self._video(video_id)
        if len(indices) == 0 or min(indices) < 0 or max(indices) >= video.length:
            raise ValueError(f"{video_id} has frames 0 to {video.length - 1}, requested were {list(indices)}")
        numbers = np.asarray(indices)
        frames = np.empty((len(numbers), *video.parts[0].shape), np.uint8) if out is None else out
        if len(video.parts) == 1:
            return self._decode(video, 0, numbers, frames)
        places = np.searchsorted(video.starts, numbers, side="right") - 1
        for place in np.unique(places).tolist():
            chosen = numbers[places == place] - video.starts[place]
            part = np.empty((len(chosen), *frames.shape[1:]), np.uint8)
            frames[places == place] = self._decode(video, place, chosen, part)
            _release(video, place)
        return frames

    def frames(self, video_id: str) -> Iterator[np.ndarray]:
        """All frames of one video one by one, uint8 (H, W, C)."""
        for frames in self.windows(video_id, AT_ONCE):
            yield from frames

    def windows(self, video_id: str, length: int, shared: int = 0) -> Iterator[np.ndarray]:
        """
        All frames of one video in successive windows, uint8 (up to `length`, H, W, C).

        shared: frames by which each window begins before the last one ends.
        """
        video = self._video(video_id)
        for first in range(0, max(video.length - shared, 1), length - shared):
            yield self.window(video_id, range(first, min(first + length, video.length)))
        self.release(video_id)

    def release(self, video_id: str) -> None:
        """Forget what was read of a video: its pages are no longer counted as memory of this process."""
        video = self._video(video_id)
        for place in range(len(video.parts)):
            _release(video, place)

    def video(self, video_id: str) -> np.ndarray:
        """All frames of one video, uint8 (T, H, W, C)."""
        return self.window(video_id, range(self.shape(video_id)[0]))

    def _decode(self, video: _Video, place: int, numbers: np.ndarray, out: np.ndarray) -> np.ndarray:
        part = video.parts[place]
        if not self._whole[video.first + place]:
            if not part.is_whole():
                raise _not_written(video.file.path, part)
            self._whole[video.first + place] = 1
        return DECODERS[part.codec](part.pictures, numbers, part.shape, out)

    def _video(self, video_id: str) -> _Video:
        if video_id not in self._videos:
            raise ValueError(f"no video {video_id!r} in {', '.join(self._paths)}")
        return self._videos[video_id]


def _release(video: _Video, place: int) -> None:
    """Drop the pages of one part; they are read again, from the page cache or the file, if they are needed again."""
    pixels = video.parts[place].pictures.buffers()[2]
    start = pixels.address - video.file.address
    first = start // mmap.PAGESIZE * mmap.PAGESIZE
    video.file.content.madvise(mmap.MADV_DONTNEED, first, start + pixels.size - first)


def open_shards(paths: Sequence[str]) -> FrameStore:
    """
    All videos of some shards, which must have the same number of channels and share no video.

    OpenCV computes in one thread from now on: clips are read by as many threads as are wanted, or jobs run in parallel.
    """
    import cv2

    cv2.setNumThreads(1)
    if not paths:
        raise ValueError("no shards of frames given")
    videos: dict[str, _Video] = {}
    count = 0
    for path in paths:
        file, found = _videos(path)
        for parts in found:
            video_id, channels = parts[0].video_id, parts[0].shape[-1]
            if video_id in videos:
                raise ValueError(f"{path}: video {video_id!r} is in another shard, too")
            first = next(iter(videos.values())).parts[0].shape[-1] if videos else channels
            if channels != first:
                raise ValueError(f"{path}: {video_id!r} has {channels} channels, others {first}")
            lengths = np.cumsum([0, *(len(part.pictures) for part in parts)])
            videos[video_id] = _Video(parts, lengths[:-1], int(lengths[-1]), count, file)
            count += len(parts)
    return FrameStore(paths, videos)


def fingerprint(path: str) -> str:
    """
    Of a shard of frames the hash over names, shapes and checksums of its parts, which readers check before they use
    the frames, so that it costs no reading of them; of any other file that over its bytes.
    """
    if not path.endswith(".arrow"):
        return sha256(path)
    parts = (part[:-1] for video in _videos(path)[1] for part in video)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def whole_fingerprint(path: str) -> str:
    """The same, after all frames of a shard were compared with their checksums; ValueError if they differ."""
    if path.endswith(".arrow"):
        for part in (part for video in _videos(path)[1] for part in video):
            if not part.is_whole():
                raise _not_written(path, part)
    return fingerprint(path)


def _not_written(path: str, part: Part) -> ValueError:
    return damaged(path, f"the frames of {part.video_id!r} are not what was written")


def _videos(path: str) -> tuple[_File, list[list[Part]]]:
    """A file and the parts of each video in it."""
    with refuse_damage(path, OSError, ValueError), open(path, "rb") as opened:
        content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    buffer = pa.py_buffer(content)
    return _File(path, content, buffer.address), list(_parts(path, buffer))


def _parts(path: str, buffer: pa.Buffer) -> Iterable[list[Part]]:
    with refuse_damage(path, pa.ArrowException, OSError, UnicodeDecodeError):
        reader = pa.ipc.open_file(buffer)
        if reader.schema.names != [name for name, _ in COLUMNS]:
            raise ValueError(f"{path}: not a shard of frames: its columns are {reader.schema.names}")
        stated = (reader.schema.metadata or {}).get(b"videos", b"none").decode()
        parts: list[Part] = []
        count = 0
        for number in range(reader.num_record_batches):
            part = from_batch(reader.get_batch(number))
            if not follows(part, parts[-1] if parts else None):
                raise damaged(path, f"a part of {part.video_id!r} is missing")
            parts.append(part)
            if part.last:
                yield parts
                parts, count = [], count + 1
        if parts or stated != str(count):
            raise damaged(path, f"{count} videos are in it, {stated} were written")
