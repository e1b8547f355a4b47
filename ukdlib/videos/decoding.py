"""
Video files to frames, whatever is wrong with them: nothing is lost without a word, nothing is invented.

What cannot be read becomes a VideoError with a short reason, whatever went wrong inside the decoder, so that
one bad file of a data set is rejected by name instead of stopping the run; what was repaired or guessed becomes a
note. Frames come one by one, so a large video costs no more memory than what is kept of it. Audio is ignored.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import av
import numpy as np

from ukdlib.pictures.levels import as_bytes
from ukdlib.videos.containers import VideoError, frame_rate, open_video, survey, video_stream
from ukdlib.videos.pixels import as_seen, display_matrix, levels_of, square_size
from ukdlib.videos.timing import Clock

DAMAGED = 0.1  # share of a video's frames that may be marked damaged, or lost, by the decoder
JOINED = 0.02  # share of the frames at which time may go back: more are no files that were joined
SQUEEZED = 4.0  # ratio of a pixel's sides up to which it is believed


class Reading(NamedTuple):
    """How to read: fps, to which frames are repeated or dropped, None = unchanged; and upper limits."""

    fps: float | None = None
    max_frames: int = 20_000
    max_megapixels: float = 9.0  # of a frame; 3840 x 2160 has 8.3


AS_IS = Reading()


class Film:
    """
    The frames of a video file one by one: uint16 (H, W, 3) RGB with white = 65535, upright, of square pixels.

    Raises VideoError with the reason. From the first on `fps` is their rate; once all are read, `codec` is how they are
    stored, and `notes` what was repaired or guessed.
    """

    def __init__(self, path: str, reading: Reading = AS_IS):
        self.path, self.reading = path, reading
        self.fps, self.codec = 0.0, ""
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        surveyed = survey(self.path)
        ordered = _decodes_in_order(self.path) if surveyed.ordered is None else surveyed.ordered
        with open_video(self.path) as container:
            stream = video_stream(container)
            check_size(stream, self.reading)
            clock, ratio = Clock(frame_rate(stream), self.reading.fps, not ordered), pixel_ratio(stream)
            self.fps = self.reading.fps or clock.rate
            frames = DecodedFrames(container, stream)
            pictures = as_meant(frames, ratio)
            yield from _limited(paced(pictures, clock), clock, self.reading.max_frames)
            frames.check(surveyed.declared)
            self.codec = f"{stream.codec_context.name} {stream.codec_context.pix_fmt}"
            self.notes = [*_shape_notes(stream, ratio), *clock.notes(), *frames.notes(surveyed.declared)]


def read_video(path: str, reading: Reading = AS_IS) -> tuple[np.ndarray, float]:
    """All frames of a video, uint8 (T, H, W, 3) RGB, and frames per second."""
    film = Film(path, reading)
    return np.stack([as_bytes(levels) for levels in film]), film.fps


def as_meant(frames: Iterable[av.VideoFrame], ratio: float) -> Iterator[tuple[np.ndarray, float | None]]:
    """(picture as it is meant to be seen, its time stamp) of each frame; ratio: width of a pixel to its height."""
    matrices: dict[
        int, np.ndarray | None
    ] = {}  # by rotation: who asks a frame for its matrix keeps it in memory
    size: tuple[int, int] | None = None
    for frame in frames:
        if size not in (None, (frame.height, frame.width)):
            raise VideoError(f"frames of several sizes: {sorted([size, (frame.height, frame.width)])}")
        size = frame.height, frame.width
        if frame.rotation not in matrices:
            matrices[frame.rotation] = display_matrix(frame)
        try:
            levels = levels_of(frame)
        except av.FFmpegError:
            raise VideoError(f"pixels of the format {frame.format.name} cannot be converted") from None
        yield as_seen(levels, matrices[frame.rotation], ratio), frame.time


def paced(pictures: Iterable[tuple[np.ndarray, float | None]], clock: Clock) -> Iterator[np.ndarray]:
    """Each picture, of (picture, time stamp), as often as the clock says once the next is known; of one orientation."""
    held: np.ndarray | None = None
    for picture, stamp in pictures:
        repeats = clock.repeats(stamp)
        if held is not None:
            if held.shape != picture.shape:
                raise VideoError("it is turned on its side in the middle")
            yield from repeat(held, repeats)
        held = picture
    if held is None:
        raise VideoError("no frames")
    yield from repeat(held, clock.last())


def _limited(frames: Iterable[np.ndarray], clock: Clock, limit: int) -> Iterator[np.ndarray]:
    """Refuses what is longer, before or after frames were repeated or dropped."""
    for number, frame in enumerate(frames, start=1):
        if max(number, clock.seen) > limit:
            raise VideoError(f"longer than max_frames, which is {limit}")
        yield frame


class DecodedFrames:
    """The decoded frames of a video; packets that cannot be decoded are counted and skipped."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream):
        self.container, self.stream = container, stream
        self.seen = self.damaged = self.undecoded = self.interlaced = 0

    def __iter__(self) -> Iterator[av.VideoFrame]:
        for packet in self.container.demux(self.stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self.undecoded += 1
                continue
            for frame in decoded:
                self.seen += 1
                self.damaged += frame.is_corrupt
                self.interlaced += frame.interlaced_frame
                yield frame

    def rest(self) -> Iterator[av.VideoFrame]:
        """Those that the decoder still holds, after its source broke off."""
        last: Any = av.Packet()
        last.stream, last.time_base = self.stream, self.stream.time_base  # or the frames have no times
        with suppress(av.FFmpegError):
            yield from last.decode()

    def check(self, declared: int) -> None:
        """VideoError if too many frames are damaged or lost."""
        bad = max(self.damaged, self._lost(declared))
        if bad > DAMAGED * self.seen:
            raise VideoError(f"damaged: {bad} of {max(self.seen, self.seen + self._lost(declared))} frames")

    def notes(self, declared: int) -> list[str]:
        """What the decoder could not restore, in words."""
        lost, sentences = self._lost(declared), []
        if 2 * self.interlaced > self.seen:
            sentences.append("interlaced: each frame shows two moments, in alternating lines")
        if self.damaged:
            sentences.append(f"{self.damaged} of its {self.seen} frames are damaged")
        if lost:
            sentences.append(f"{lost} of its {self.seen + lost} frames are missing or cannot be decoded")
        return sentences

    def _lost(self, declared: int) -> int:
        return max(self.undecoded, declared - self.seen, 0)


def _decodes_in_order(path: str) -> bool:
    """Whether the time stamps of successive frames grow, but for a few places where files were joined."""
    with open_video(path) as container:
        stamps = [
            -1 if frame.pts is None else frame.pts
            for frame in DecodedFrames(container, video_stream(container))
        ]
    if -1 in stamps:
        return False
    back = sum(one >= other for one, other in pairwise(stamps))
    return back <= JOINED * len(stamps)


def check_size(stream: av.VideoStream, reading: Reading) -> None:
    """VideoError if a frame has more pixels than are allowed."""
    megapixels = stream.codec_context.width * stream.codec_context.height / 1e6
    if megapixels > reading.max_megapixels:
        raise VideoError(
            f"{stream.codec_context.width} x {stream.codec_context.height} pixels, "
            f"more than max_megapixels = {reading.max_megapixels:g} allows"
        )


def pixel_ratio(stream: av.VideoStream) -> float:
    """Width of a pixel to its height; 1 where the file says nothing or something that cannot be."""
    ratio = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    return ratio if 1 / SQUEEZED <= ratio <= SQUEEZED else 1.0


def _shape_notes(stream: av.VideoStream, ratio: float) -> list[str]:
    size = stream.codec_context.height, stream.codec_context.width
    stated = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if ratio == 1 and stated and stated != 1:
        return [f"a pixel of {stated} (width to height) is not believed"]
    if square_size(*size, ratio) == size:
        return []
    height, width = square_size(*size, ratio)
    return [f"pixels are {stated} (width to height): {size[1]} x {size[0]} became {width} x {height}"]
