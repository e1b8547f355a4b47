"""
Video files to frames, whatever is wrong with them: the count is checked against the container, nothing is invented.

What cannot be read becomes a VideoError with a short reason, whatever went wrong inside the decoder, so that
one bad file of a data set is rejected by name instead of stopping the run. Frames are passed on one by one, so a
large video costs no more memory than what is kept of it. Only the file itself is opened, and only as a video
container: a playlist or an image with the name of a video is rejected. Audio is ignored. One decoding
thread: jobs run in parallel.
"""

import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

COVERED = 0.8  # of a container's duration must have frames, where it does not state their number
ROUNDING = 0.1  # of a frame: some containers keep time in whole milliseconds
STEADY = 1.5  # ratio of the longest to the shortest step in time up to which a rate counts as constant
DAMAGED = 0.1  # share of a video's frames that may be marked damaged by the decoder
# FFmpeg's names
CONTAINERS = "mov avi matroska flv mpeg mpegts mpegvideo m4v asf ogg mxf dv h264 hevc".split()
ONLY_THE_FILE = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}


class VideoError(ValueError):
    """A video file that cannot be used; the message is the reason."""


class Reading(NamedTuple):
    """How to read: fps, to which frames are repeated or dropped, None = unchanged; and upper limits."""

    fps: float | None = None
    max_frames: int = 20_000
    max_megapixels: float = 9.0  # of a frame; 3840 x 2160 has 8.3


AS_IS = Reading()


class Facts(NamedTuple):
    """Properties of a fully decoded video."""

    fps: float  # of the frames that were passed on
    steady: bool  # False if the file's own rate varies
    damaged: int  # frames that the decoder could not fully restore


def read_video(
    path: str, reading: Reading = AS_IS, each: Callable[[np.ndarray], np.ndarray] = lambda frame: frame
) -> tuple[np.ndarray, float]:
    """All frames of a video, (T, H, W, 3) uint8 RGB, upright, each changed by `each`; and frames per second."""
    frames: list[np.ndarray] = []
    facts = scan_video(path, reading, lambda frame: frames.append(each(frame)))
    return np.stack(frames), facts.fps


def scan_video(path: str, reading: Reading, take: Callable[[np.ndarray], None]) -> Facts:
    """Pass every frame, (H, W, 3) uint8 RGB, upright, to `take`; raises VideoError with the reason."""
    if not os.path.isfile(path):
        raise VideoError("missing file")
    if os.path.getsize(path) == 0:
        raise VideoError("empty file")
    with _opened(path) as container:
        return _scan(container, reading, take)


def _opened(path: str) -> av.container.InputContainer:
    try:
        # an absolute path is never mistaken for a URL
        return av.open(os.path.abspath(path), options=ONLY_THE_FILE, metadata_errors="replace")
    except av.ArgumentError:
        raise VideoError("not a readable video: not one of the containers " + ", ".join(CONTAINERS)) from None
    except av.FFmpegError as error:
        raise VideoError(f"not a readable video: {error.strerror}") from None


class _Clock:
    """Which output frames a decoded one becomes, and whether the steps between frames are even."""

    def __init__(self, rate: float, fps: float | None):
        self.rate, self.fps = rate, fps
        self.seen = self.due = 0
        self.first: float | None = None
        self.time = 0.0
        self.steps: set[float] = set()

    def repeats(self, stamp: float | None) -> int:
        """How often the frame before this one is shown, now that this one begins at `stamp` (seconds)."""
        if self.first is None and stamp is not None:
            self.first = stamp
        time = self.seen / self.rate if stamp is None or self.first is None else stamp - self.first
        self.seen += 1
        if self.seen > 1:
            self.steps = {min(self.steps | {time - self.time}), max(self.steps | {time - self.time})}
        self.time = time
        return self._until(time) if self.seen > 1 else 0

    def last(self) -> int:
        """How often the last frame is shown."""
        return max(self._until(self.time + 1 / self.rate), 1 if self.due == 0 else 0)

    def _until(self, time: float) -> int:
        if self.fps is None:
            return 1
        count = max(0, math.ceil((time - ROUNDING / self.rate) * self.fps) - self.due)
        self.due += count
        return count

    @property
    def steady(self) -> bool:
        """Whether the rate counts as constant."""
        return not self.steps or 0 < max(self.steps) <= STEADY * min(self.steps)


def _scan(
    container: av.container.InputContainer, reading: Reading, take: Callable[[np.ndarray], None]
) -> Facts:
    stream = _video_stream(container)
    _check_size(stream, reading)
    clock = _Clock(_rate(stream), reading.fps)
    held: np.ndarray | None = None
    shown = damaged = 0
    for picture, frame in _pictures(container, stream):
        damaged += frame.is_corrupt
        repeats = clock.repeats(frame.time)
        if held is not None:
            if held.shape != picture.shape:
                raise VideoError(f"frames of several sizes: {sorted([held.shape[:2], picture.shape[:2]])}")
            shown = _show(held, repeats, shown, reading, take)
        _refuse_long(clock.seen, reading)
        held = picture
    assert held is not None  # _pictures gives one at least
    _show(held, clock.last(), shown, reading, take)
    if damaged > DAMAGED * clock.seen:
        raise VideoError(f"damaged: {damaged} of {clock.seen} frames")
    _check_duration(container, stream, clock)
    return Facts(reading.fps or clock.rate, clock.steady, damaged)


def _show(
    picture: np.ndarray, repeats: int, shown: int, reading: Reading, take: Callable[[np.ndarray], None]
) -> int:
    """Pass on one frame, so many times; returns the total number so far. A jump in time costs nothing."""
    _refuse_long(shown + repeats, reading)
    for _ in range(repeats):
        take(picture)
    return shown + repeats


def _refuse_long(frames: int, reading: Reading) -> None:
    if frames > reading.max_frames:
        raise VideoError(f"longer than max_frames, which is {reading.max_frames}")


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    stream = container.streams.best("video")  # the first may be a still image, of a cover for example
    if not isinstance(stream, av.VideoStream):
        raise VideoError("no video stream")
    if stream.codec_context is None:
        raise VideoError("unknown codec")
    stream.codec_context.thread_count = 1
    return stream


def _pictures(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[np.ndarray, av.VideoFrame]]:
    """(upright image, its frame), every one; their number is checked against the container's."""
    declared, seen, chunk = stream.frames, 0, -1
    try:
        for packet in container.demux(stream):
            declared -= packet.is_discard  # cut off by the container's edit list: not meant to be seen
            if container.format.name == "avi" and packet.dts is not None:
                declared -= max(0, packet.dts - chunk - 1)  # empty chunks: the camera dropped a frame
                chunk = packet.dts
            for frame in packet.decode():
                seen += 1
                yield _upright(frame), frame
    except av.FFmpegError as error:
        raise VideoError(f"truncated: {seen} of {declared or '?'} frames ({error.strerror})") from None
    if not seen:
        raise VideoError("no frames")
    if seen < declared:  # 0 if the container does not state it
        raise VideoError(f"truncated: {seen} of {declared} frames")


def _check_size(stream: av.VideoStream, reading: Reading) -> None:
    megapixels = stream.codec_context.width * stream.codec_context.height / 1e6
    if megapixels > reading.max_megapixels:
        raise VideoError(
            f"{stream.codec_context.width} x {stream.codec_context.height} pixels, "
            f"more than max_megapixels = {reading.max_megapixels:g} allows"
        )


def _check_duration(container: av.container.InputContainer, stream: av.VideoStream, clock: _Clock) -> None:
    """Containers that do not count their frames state a duration at least."""
    duration = (container.duration or 0) / av.time_base
    covered = clock.time + 1 / clock.rate
    if not stream.frames and covered + (clock.first or 0) < COVERED * duration:
        raise VideoError(f"truncated: {covered:.1f} of {duration:.1f} s")


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """RGB image (H, W, 3), rotated by the file's display matrix."""
    turns = round(frame.rotation / 90)
    return np.rot90(frame.to_ndarray(format="rgb24"), turns)


def _rate(stream: av.VideoStream) -> float:
    rate: Fraction | None = stream.average_rate or stream.guessed_rate
    if not rate:
        raise VideoError("no frame rate")
    return float(rate)
