"""
Video files as containers: opened as nothing else, and surveyed packet by packet before a picture is decoded.

Only the file itself is opened, and only as a video container: a playlist or an image with the name of a video is
rejected. A truncated file and one whose header is wrong differ in what they hold: every track of the former ends
early.
"""

import os
from fractions import Fraction
from typing import NamedTuple

import av

COVERED = 0.8  # of a container's duration must have packets of some track, where it does not count its frames
INEXACT = 2  # frames by which the count of a header may be off
PACKETS = {188, 192, 204}  # bytes: an MPEG transport stream is made of packets of one of these sizes
SYNC = 0x47  # first byte of each, or fifth of those with a time in front
# FFmpeg's names
CONTAINERS = "mov avi matroska flv mpeg mpegts mpegvideo m4v asf ogg mxf dv h264 hevc".split()
ONLY_THE_FILE = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}


class VideoError(ValueError):
    """A video file that cannot be used; the message is the reason."""


class Survey(NamedTuple):
    """What the packets of a file say."""

    packets: int  # of the video, without those that are cut off by an edit list
    declared: int  # frames that the container states, 0 = none
    ordered: bool | None  # whether presentation times are those of the frames, None = only decoding can tell


def open_video(path: str) -> av.container.InputContainer:
    """VideoError if the file is missing, empty, or not a video container."""
    if not os.path.isfile(path):
        raise VideoError("missing file")
    if os.path.getsize(path) == 0:
        raise VideoError("empty file")
    try:
        # an absolute path is never mistaken for a URL
        return av.open(os.path.abspath(path), options=ONLY_THE_FILE, metadata_errors="replace")
    except av.ArgumentError:
        raise VideoError("not a readable video: not one of the containers " + ", ".join(CONTAINERS)) from None
    except av.FFmpegError as error:
        raise VideoError(f"not a readable video: {error.strerror}") from None


def video_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The video among the streams, to be decoded by one thread: jobs run in parallel."""
    stream = container.streams.best("video")  # the first may be a still image, of a cover for example
    if not isinstance(stream, av.VideoStream):
        raise VideoError("no video stream")
    if stream.codec_context is None:
        raise VideoError("unknown codec")
    stream.codec_context.thread_count = 1
    return stream


def frame_rate(stream: av.VideoStream) -> float:
    """Frames per second, as the file says or FFmpeg guesses."""
    rate: Fraction | None = stream.average_rate or stream.guessed_rate
    if not rate:
        raise VideoError("no frame rate")
    return float(rate)


def survey(path: str) -> Survey:
    """Read all packets, decode none; VideoError if the file ends early."""
    with open_video(path) as container:
        stream = video_stream(container)
        seen = _Packets(container, stream)
        try:
            for packet in container.demux():
                seen.add(packet)
        except av.FFmpegError as error:
            stated = seen.declared or "?"
            raise VideoError(f"truncated: {seen.count} of {stated} frames ({error.strerror})") from None
        seen.check_end(path)
        return Survey(seen.count, seen.declared, seen.ordered)


class _Packets:
    """What is noted of a container's packets, one after the other."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream):
        self.container, self.stream = container, stream
        self.declared, self.count, self.chunk = stream.frames, 0, -1
        self.end = 0.0  # seconds, of the last packet of any track
        self.untimed, self.delays = False, set[int]()

    def add(self, packet: av.Packet) -> None:
        """Count a packet of the video; note where a packet of any track ends."""
        of_video = packet.stream is self.stream
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None:
            frame = 1 / frame_rate(self.stream) if of_video and not packet.duration else 0.0
            end = float((stamp + (packet.duration or 0)) * packet.time_base) + frame
            self.end = max(self.end, end)
        if not of_video or not packet.size:
            return
        if packet.is_discard:  # cut off by the container's edit list: not meant to be seen
            self.declared -= 1
        else:
            self.count += 1
        if self.container.format.name == "avi" and packet.dts is not None:
            self.declared -= max(0, packet.dts - self.chunk - 1)  # empty chunks: the camera dropped a frame
            self.chunk = packet.dts
        self.untimed |= packet.pts is None
        if packet.pts is not None and packet.dts is not None and len(self.delays) < 2:
            self.delays.add(packet.pts - packet.dts)

    @property
    def ordered(self) -> bool | None:
        """
        Frames in another order than their packets have times in another order, too, or the times are wrong.

        AVI has no times of presentation: FFmpeg guesses them.
        """
        if not self.stream.codec_context.has_b_frames:
            return True
        if self.untimed:
            return False
        return None if len(self.delays) < 2 or self.container.format.name == "avi" else True

    def check_end(self, path: str) -> None:
        """A truncated file: fewer frames than its header counts, or all of its tracks end early, or amid a packet."""
        if self.count < self.declared - INEXACT:
            raise VideoError(f"truncated: {self.count} of {self.declared} frames")
        start = (self.container.start_time or 0) / av.time_base
        duration = (self.container.duration or 0) / av.time_base
        if "matroska" in self.container.format.name:
            duration -= start  # there it counts from zero, not from the first packet
        covered = self.end - start
        if not self.stream.frames and covered < COVERED * duration:
            raise VideoError(f"truncated: {covered:.1f} of {duration:.1f} s")
        if self.container.format.name == "mpegts" and _ends_amid_packet(path):
            raise VideoError("truncated: it ends in the middle of a packet")


def _ends_amid_packet(path: str) -> bool:
    """Whether an MPEG transport stream is not made of whole packets."""
    with open(path, "rb") as file:
        head = file.read(5 * max(PACKETS))
    for size in sorted(PACKETS):
        first = 4 if size == 192 else 0
        if all(byte == SYNC for byte in head[first::size]):
            return os.path.getsize(path) % size != 0
    return False
