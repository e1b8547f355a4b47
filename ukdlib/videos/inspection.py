"""Video files of a data set: inspected, rejected or warned about; and H.264 files written."""

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np

from ukdlib.artifacts.sealing import beside
from ukdlib.videos.decoding import AS_IS, Reading, VideoError, scan_video
from ukdlib.videos.folders import leads_out

FINDINGS = ("num_frames", "fps", "height", "width", "mean_grey", "frame_hash", "steady", "damaged")
BLACK = 1.0  # mean grey value below which a video is called nearly black
SHOWN = 10  # reasons in the message that refuses a data set
REPEATABLE = "mbtree=0"  # with macroblock trees x264's AVX-512 code gives other bytes from run to run
LUMA = np.array([0.299, 0.587, 0.114])  # weights of R, G, B in a grey value (BT.601)


def inspect_video(path: str, reading: Reading = AS_IS) -> dict:
    """
    Properties of a video after decoding all of it.

    num_frames, fps, height, width; mean_grey in [0, 255]; frame_hash, equal for videos with identical frames;
    steady: whether the file's frame rate is constant; damaged: frames that the decoder could not fully restore.
    """
    digest = hashlib.blake2b(digest_size=16)
    sizes: list[tuple[int, ...]] = []
    greys: list[float] = []

    def take(frame: np.ndarray) -> None:
        """Add one frame."""
        if not sizes:
            digest.update(repr(frame.shape).encode())
        digest.update(frame.tobytes())
        sizes.append(frame.shape)
        greys.append(float(frame.mean(axis=(0, 1)) @ LUMA))

    facts = scan_video(path, reading, take)
    return {
        "num_frames": len(sizes),
        "fps": facts.fps,
        "height": sizes[0][0],
        "width": sizes[0][1],
        "mean_grey": float(np.mean(greys)),
        "frame_hash": digest.hexdigest(),
        "steady": facts.steady,
        "damaged": facts.damaged,
    }


def check_video(path: str, min_frames: int, reading: Reading = AS_IS, below: str | None = None) -> dict:
    """
    inspect_video's findings with status ("ok" or "rejected") and reason; never an error because of the video.

    below: a folder that must contain the file once links are resolved. Unknown values of a rejected video are None.
    """
    known: dict = dict.fromkeys(FINDINGS)
    try:
        if below is not None and leads_out(path, below):
            raise VideoError("a link that leaves the folder of videos; `links_out: true` follows it")
        known |= inspect_video(path, reading)
        if known["num_frames"] < min_frames:
            raise VideoError(f"too short: {known['num_frames']} of at least {min_frames} frames")
    except VideoError as error:
        return known | {"status": "rejected", "reason": str(error)}
    return known | {"status": "ok", "reason": ""}


def set_aside(checked: Sequence[dict], max_rejected: float) -> tuple[list[dict], list[dict]]:
    """
    Checked videos (video_id, status, reason, ...) as (usable, rejected), both sorted by video_id.

    A data set with more than the share `max_rejected` unusable, or all, is refused: something else is wrong.
    """
    ordered = sorted(checked, key=lambda video: video["video_id"])
    rejected = [video for video in ordered if video["status"] != "ok"]
    if len(rejected) > max_rejected * len(ordered) or len(rejected) == len(ordered):
        reasons = "\n".join(f"  {video['video_id']}: {video['reason']}" for video in rejected[:SHOWN])
        more = f"\n  and {len(rejected) - SHOWN} more" if len(rejected) > SHOWN else ""
        allowed = (
            f"more than max_rejected = {max_rejected:.0%} allows" if max_rejected < 1 else "none is left"
        )
        raise ValueError(
            f"{len(rejected)} of {len(ordered)} videos cannot be used ({len(rejected) / len(ordered):.0%}), "
            f"{allowed}:\n{reasons}{more}"
        )
    return [video for video in ordered if video["status"] == "ok"], rejected


def same_frames(videos: Iterable[dict]) -> list[list[str]]:
    """The video_ids of each set of two or more videos whose frames are identical."""
    by_hash: dict[str, list[str]] = {}
    for video in videos:
        by_hash.setdefault(video["frame_hash"], []).append(video["video_id"])
    return [ids for ids in by_hash.values() if len(ids) > 1]


def video_warnings(videos: Sequence[dict], resampled: bool = False) -> list[tuple[str, str]]:
    """
    (video_id, warning) for usable videos: repeated, nearly black or damaged frames, a varying rate.

    resampled: whether frames were already resampled to the data set's `fps`.
    """
    warnings = []
    for first, *others in same_frames(videos):
        warnings += [(other, f"has the same frames as {first}") for other in others]
    for video in videos:
        if video["mean_grey"] < BLACK:
            warnings.append((video["video_id"], f"nearly black: mean grey {video['mean_grey']:.2f} of 255"))
        if video["damaged"]:
            damaged = f"{video['damaged']:.0f} of its {video['num_frames']:.0f}"
            warnings.append((video["video_id"], f"{damaged} frames are damaged"))
        if not video["steady"] and not resampled:
            warnings.append(
                (video["video_id"], "its frame rate varies; set `fps` of the data set to resample it")
            )
    return warnings


def lost_class_warnings(
    usable: Sequence[dict], rejected: Sequence[dict], classes: Sequence[str]
) -> list[tuple[str, str]]:
    """(class, warning) of classes that lose all their videos; usable, rejected: with the class number `label`."""
    left = {video["label"] for video in usable}
    lost = sorted({video["label"] for video in rejected} - left)
    return [(f"class {classes[label]!r}", "none of its videos can be used") for label in lost]


def write_video(path: str, frames: np.ndarray, fps: float, crf: int = 18) -> None:
    """
    Write an H.264 mp4 file; the same frames give the same bytes.

    frames: uint8 (T, H, W, 3) RGB with even H and W (4:2:0 colour); crf: 0 (nearly lossless) .. 51 (worst).
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) == 0:
        raise ValueError(f"{path}: frames must be uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"{path}: height and width must be even, got {frames.shape[1]} x {frames.shape[2]}")
    bitexact = {"fflags": "+bitexact"}
    with beside(path) as part, av.open(part, "w", format="mp4", options=bitexact) as container:
        options = {"crf": str(crf), "threads": "1", "flags": "+bitexact", "x264-params": REPEATABLE}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for frame in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
            )
        container.mux(stream.encode())
