"""
Video files: reading any, inspecting, writing H.264.

What cannot be read becomes a VideoError with a short reason, whatever went wrong inside the decoder, so that
one bad file of a data set is set aside by name instead of ending the run. One decoding thread: jobs run side
by side.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np

FINDINGS = ("num_frames", "fps", "height", "width", "mean_grey", "frame_hash")
SHOWN = 10  # reasons in the message that refuses a data set
REPEATABLE = "mbtree=0"  # with macroblock trees x264's AVX-512 code gives other bytes from run to run
LUMA = np.array([0.299, 0.587, 0.114])  # weights of R, G, B in a grey value (BT.601)


class VideoError(ValueError):
    """A video file that cannot be used; the message is the reason."""


def read_video(path: str) -> tuple[np.ndarray, float]:
    """All frames of a video, uint8 (T, H, W, 3) RGB, upright, and its frames per second."""
    if not os.path.isfile(path):
        raise VideoError("missing file")
    if os.path.getsize(path) == 0:
        raise VideoError("empty file")
    try:
        with av.open(path) as container:
            return _decode(container)
    except av.FFmpegError as error:
        raise VideoError(f"not a readable video: {error.strerror}") from None


def inspect_video(path: str) -> dict:
    """
    What is known of a video once all of it has been decoded.

    num_frames, fps, height, width; mean_grey in [0, 255]; frame_hash, equal for videos with identical frames.
    """
    frames, fps = read_video(path)
    digest = hashlib.blake2b(repr(frames.shape).encode(), digest_size=16)
    digest.update(frames.tobytes())
    return {
        "num_frames": frames.shape[0],
        "fps": fps,
        "height": frames.shape[1],
        "width": frames.shape[2],
        "mean_grey": float(frames.mean(axis=(0, 1, 2)) @ LUMA),
        "frame_hash": digest.hexdigest(),
    }


def check_video(path: str, min_frames: int) -> dict:
    """
    inspect_video's findings with status ("ok" or "rejected") and reason; never an error because of the video.

    What a rejected video did not give away is None.
    """
    known: dict = dict.fromkeys(FINDINGS)
    try:
        known |= inspect_video(path)
        if known["num_frames"] < min_frames:
            raise VideoError(f"too short: {known['num_frames']} of at least {min_frames} frames")
    except VideoError as error:
        return known | {"status": "rejected", "reason": str(error)}
    return known | {"status": "ok", "reason": ""}


def set_aside(checked: Sequence[dict], max_rejected: float) -> tuple[list[dict], list[dict]]:
    """
    Checked videos (video_id, status, reason, ...) as (usable, rejected), both sorted by video_id.

    A data set of which more than the share `max_rejected` is unusable is refused: something else is wrong.
    """
    ordered = sorted(checked, key=lambda video: video["video_id"])
    rejected = [video for video in ordered if video["status"] != "ok"]
    if len(rejected) > max_rejected * len(ordered):
        reasons = "\n".join(f"  {video['video_id']}: {video['reason']}" for video in rejected[:SHOWN])
        more = f"\n  and {len(rejected) - SHOWN} more" if len(rejected) > SHOWN else ""
        raise ValueError(
            f"{len(rejected)} of {len(ordered)} videos cannot be used ({len(rejected) / len(ordered):.0%}), "
            f"more than max_rejected = {max_rejected:.0%} allows:\n{reasons}{more}"
        )
    return [video for video in ordered if video["status"] == "ok"], rejected


def same_frames(videos: Iterable[dict]) -> list[list[str]]:
    """The video_ids of each set of two or more videos whose frames are identical."""
    by_hash: dict[str, list[str]] = {}
    for video in videos:
        by_hash.setdefault(video["frame_hash"], []).append(video["video_id"])
    return [ids for ids in by_hash.values() if len(ids) > 1]


def write_video(path: str, frames: np.ndarray, fps: float, crf: int = 18) -> None:
    """
    Write an H.264 mp4 file; the same frames give the same bytes.

    frames: uint8 (T, H, W, 3) RGB with even H and W (4:2:0 colour); crf: 0 (nearly lossless) .. 51 (worst).
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) == 0:
        raise ValueError(f"{path}: frames must be uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"{path}: height and width must be even, got {frames.shape[1]} x {frames.shape[2]}")
    with av.open(f"{path}.part", "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        options = {"crf": str(crf), "threads": "1", "flags": "+bitexact", "x264-params": REPEATABLE}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for frame in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
            )
        container.mux(stream.encode())
    os.replace(f"{path}.part", path)


def _decode(container: av.container.InputContainer) -> tuple[np.ndarray, float]:
    if not container.streams.video:
        raise VideoError("no video stream")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    declared, frames = stream.frames, []
    try:
        for packet in container.demux(stream):
            declared -= packet.is_discard  # cut off by the container's edit list: not meant to be seen
            frames += [_upright(frame) for frame in packet.decode()]
    except av.FFmpegError as error:
        raise VideoError(f"truncated: {len(frames)} of {declared} frames ({error.strerror})") from None
    if not frames:
        raise VideoError("no frames")
    if len(frames) < declared:  # 0 where the container does not say
        raise VideoError(f"truncated: {len(frames)} of {declared} frames")
    sizes = {frame.shape for frame in frames}
    if len(sizes) > 1:
        raise VideoError(f"frames of several sizes: {sorted(size[:2] for size in sizes)}")
    return np.stack(frames), _rate(stream)


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """RGB picture (H, W, 3), turned as the file's display matrix asks."""
    turns = round(frame.rotation / 90)
    return np.rot90(frame.to_ndarray(format="rgb24"), turns)


def _rate(stream: av.VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate
    if not rate:
        raise VideoError("no frame rate")
    return float(rate)
