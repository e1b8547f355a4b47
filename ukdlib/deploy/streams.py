"""
Pictures that arrive while they are used: cameras, network addresses, a pipe.

A thread of its own receives and decodes. Who uses live pictures and is too slow misses the oldest; nobody misses any of
a file or a pipe. What breaks off is opened again, after waits that grow. Memory is that of two seconds of pictures.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from ukdlib.videos.containers import VideoError, frame_rate, video_stream
from ukdlib.videos.decoding import DecodedFrames, Reading, as_meant, check_size, paced, pixel_ratio
from ukdlib.videos.timing import Clock

HELD = 2.0  # seconds of pictures that may wait
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before it is opened again
PATIENCE = 10.0  # seconds without an answer after which a connection counts as lost
LIVE = frozenset(
    "rtsp rtsps rtmp rtmps rtp udp srt mms".split()
)  # schemes whose pictures come as they are made
PIPE, CAMERA = "-", "/dev/video"
LOG = logging.getLogger(__name__)


@dataclass
class Report:
    """What happened so far: pictures dropped, times it was opened again, seconds that the last picture had waited."""

    dropped: int = 0
    reopened: int = 0
    behind: float = 0.0


class Stream:
    """
    The pictures of a source, uint16 (H, W, 3) with white = 65535, at a constant rate: those that a file has.

    source: number of a camera, an address that FFmpeg reads, or - for standard input. reading.fps: the rate, None = the
    source's own. every: drop nothing, whatever is late. attempts: how often in a row to open it again; None = for ever.
    Iterating raises VideoError with the reason if it cannot be opened in the beginning, or never again. From the first
    picture on `fps` is the rate. After an interruption pictures follow on those before it, at their size.
    """

    def __init__(self, source: str, reading: Reading, every: bool = False, attempts: int | None = None):
        self.source, self.reading, self.every, self.attempts = source, reading, every, attempts
        self.report, self.fps, self.failure = Report(), 0.0, ""
        self._buffer, self._ends = _Buffer(), False
        self._clock = Clock(1.0, reading.fps)

    def __iter__(self) -> Iterator[np.ndarray]:
        threading.Thread(target=self._receive, daemon=True).start()
        frames = self._arrived()
        try:
            if (first := next(frames, None)) is not None:
                alike = groupby(chain([first], frames), key=Arrival.kind)
                pictures = (as_meant((each.frame for each in those), kind[0].width) for kind, those in alike)
                yield from paced(_of_one_size(chain.from_iterable(pictures)), self._clock)
            if self.failure or first is None:
                raise VideoError(self.failure or "no frames")
        finally:
            self._buffer.close()

    def _arrived(self) -> Iterator["Arrival"]:
        while (item := self._buffer.get()) is not None:
            self.report.behind = time.monotonic() - item.time
            self.report.dropped = self._buffer.dropped
            yield item

    def _receive(self) -> None:
        """In a thread: until the source ends, cannot be opened any more, or nobody listens."""
        failed, wait = 0, FIRST_WAIT
        try:
            while not self._buffer.closed:
                before = self._buffer.count
                ended = self._receive_once()
                failed, wait = (0, FIRST_WAIT) if self._buffer.count > before else (failed + 1, wait)
                lost = self._buffer.count == 0 or (self.attempts is not None and failed > self.attempts)
                if ended or lost or self._ends or self.attempts == 0:
                    return
                LOG.warning("%s: %s; it is opened again in %g s", self.source, self.failure, wait)
                self._buffer.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                self.report.reopened += 1
        except Exception as error:  # whoever listens shall know
            self.failure = f"it cannot be read: {type(error).__name__}: {error}"
        finally:
            self._buffer.close()

    def _receive_once(self) -> bool:
        """Pictures of one connection into the buffer; whether it came to its end, as a file does."""
        try:
            with _opened(self.source) as container:
                stream = video_stream(container)
                check_size(stream, self.reading)
                self._settle(stream, container)
                ratio = _Ratio(pixel_ratio(stream))
                for frame in _decoded(DecodedFrames(container, stream)):
                    if not self._buffer.put(Arrival(time.monotonic(), frame, ratio)):
                        return True
            self.failure = "" if self._ends else "it broke off"
            return self._ends
        except VideoError as error:
            self.failure = str(error)
        except av.FFmpegError as error:
            self.failure = f"it cannot be read as a stream: {error.strerror or type(error).__name__}"
        return False

    def _settle(self, stream: av.VideoStream, container: av.container.InputContainer) -> None:
        """Whether it has an end; of the first connection the rate, and whether pictures may be dropped."""
        live = _is_live(self.source, container)
        self._ends = not live
        if self._buffer.count:
            return
        rate = frame_rate(stream)
        self.fps = self.reading.fps or rate
        self._clock = Clock(
            rate, self.fps
        )  # also at its own: what was dropped is filled up, so that time goes on
        self._buffer.most, self._buffer.drops = max(2, round(HELD * rate)), live and not self.every


class _Ratio:
    """Width of a pixel to its height, of one connection: equal to no other's, so that connections can be told apart."""

    def __init__(self, width: float):
        self.width = width


class Arrival(NamedTuple):
    """When a frame came (seconds), the frame, and the shape of its connection's pixels."""

    time: float
    frame: av.VideoFrame
    ratio: _Ratio

    def kind(self) -> tuple[_Ratio, int, int]:
        """What frames have in common that are turned and scaled alike."""
        return self.ratio, self.frame.height, self.frame.width


def _is_live(source: str, container: av.container.InputContainer) -> bool:
    """Whether pictures come as they are made, so that who is late misses some, and its end is an interruption."""
    scheme = source.lower().partition("://")[0]
    if is_camera(source) or scheme in LIVE:
        return True
    return source != PIPE and scheme != "file" and container.duration is None and container.size <= 0


def _of_one_size(
    pictures: Iterable[tuple[np.ndarray, float | None]],
) -> Iterator[tuple[np.ndarray, float | None]]:
    """(picture, time stamp) as they come; those of another size than the first are scaled to its."""
    height = width = 0
    for picture, stamp in pictures:
        height, width = height or picture.shape[0], width or picture.shape[1]
        if picture.shape[:2] != (height, width):
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        yield picture, stamp


def _decoded(frames: DecodedFrames) -> Iterator[av.VideoFrame]:
    """All of a connection; where it breaks off, what the decoder still holds, too."""
    try:
        yield from frames
    except av.FFmpegError:
        yield from frames.rest()
        raise


class _Pipe:
    """Standard input as PyAV reads it: whatever is there, at once, and without a lock that outlives the program."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        return os.read(0, size)


class _Buffer:
    """A queue of a few pictures between two threads; a full one makes who puts wait, or drops the oldest."""

    def __init__(self) -> None:
        self.most, self.drops = 2, False
        self.count = self.dropped = 0
        self.closed = False
        self._items: deque[Arrival] = deque()
        self._changed = threading.Condition()

    def put(self, item: Arrival) -> bool:
        """Whether anybody still wants it."""
        with self._changed:
            if self.drops and len(self._items) >= self.most:
                self._items.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: len(self._items) < self.most or self.closed)
            self._items.append(item)
            self.count += 1
            self._changed.notify_all()
            return not self.closed

    def get(self) -> Arrival | None:
        """The oldest, once there is one; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self.closed)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    def wait(self, seconds: float) -> None:
        """Some time, or until it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed, seconds)

    def close(self) -> None:
        """Nothing more comes, or is wanted."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


def is_stream(source: str) -> bool:
    """Whether a source is none of files: a camera, an address, or -."""
    return source == PIPE or is_camera(source) or "://" in source


def is_camera(source: str) -> bool:
    """Whether a source is a camera: its number, or its device. A file or folder with a number for a name is none."""
    device = source.removeprefix(CAMERA)
    return device.isascii() and device.isdigit() and (device != source or not os.path.exists(source))


def _opened(source: str) -> Any:
    """An input container; VideoError in one sentence if it cannot be opened."""
    try:
        if source == PIPE:
            return av.open(_Pipe(), metadata_errors="replace")
        if is_camera(source):
            device = CAMERA + source.removeprefix(CAMERA)
            if not os.path.exists(device):
                raise VideoError(f"there is no camera {device.removeprefix(CAMERA)}: {device} does not exist")
            return av.open(device, format="v4l2", timeout=PATIENCE)
        options = {"rtsp_transport": "tcp"} if source.lower().startswith("rtsp") else {}
        return av.open(source, options=options, timeout=PATIENCE, metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(f"it cannot be opened: {error.strerror or type(error).__name__}") from None
