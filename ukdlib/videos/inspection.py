"""Video files of a data set: inspected, rejected or warned about; and H.264 files written."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np

from ukdlib.artifacts.sealing import beside
from ukdlib.pictures.levels import STEP, as_bytes
from ukdlib.videos.containers import VideoError
from ukdlib.videos.decoding import AS_IS, Film, Reading
from ukdlib.videos.folders import leads_out
from ukdlib.videos.pixels import frame_of

FINDINGS = ("num_frames", "fps", "height", "width", "mean_grey", "frame_hash", "codec", "notes")
BLACK = 1.0  # mean grey value below which a video is called nearly black
UNEVEN = 1.1  # ratio of the highest to the lowest frame rate of a data set up to which they count as one
SHOWN = 10  # reasons in the message that refuses a data set
REPEATABLE = "mbtree=0"  # with macroblock trees x264's AVX-512 code gives other bytes from run to run
LUMA = np.array([0.299, 0.587, 0.114])  # weights of R, G, B in a grey value (BT.601)


class _Frames:
    """The frames of a video while they pass: their number, their size (H, W), a hash of size and 8-bit content."""

    def __init__(self) -> None:
        self.digest, self.count, self.size = hashlib.blake2b(digest_size=16), 0, (0, 0)

    def add(self, levels: np.ndarray) -> None:
        """The next frame (H, W, 3)."""
        if not self.count:
            self.size = levels.shape[0], levels.shape[1]
            self.digest.update(repr(levels.shape).encode())
        self.digest.update(as_bytes(levels).tobytes())
        self.count += 1


def inspect_video(path: str, reading: Reading = AS_IS) -> dict:
    """
    Properties of a video after decoding all of it.

    num_frames, fps, height, width; mean_grey in [0, 255]; frame_hash, equal for videos with identical frames (in
    8 bits); codec: with the pixel format; notes: what was repaired or guessed, a line each.
    """
    seen, greys = _Frames(), []
    film = Film(path, reading)
    for levels in film:
        seen.add(levels)
        greys.append(float(np.array(cv2.mean(levels)[:3]) / STEP @ LUMA))
    return {
        "num_frames": seen.count,
        "fps": film.fps,
        "height": seen.size[0],
        "width": seen.size[1],
        "mean_grey": float(np.mean(greys)),
        "frame_hash": seen.digest.hexdigest(),
        "codec": film.codec,
        "notes": "\n".join(film.notes),
    }


def inspected_film(path: str, reading: Reading, found: Mapping[str, object]) -> Iterator[np.ndarray]:
    """
    The frames of a video (`Film`), which must be those of its inspection; found: its num_frames, height, width and
    frame_hash. Once all are read, ValueError with path and difference if the file has been changed or exchanged since.
    """
    seen, size = _Frames(), (found["height"], found["width"])
    for levels in Film(path, reading):
        if levels.shape[:2] != size:
            raise _exchanged(path, "size", f"{levels.shape[1]} x {levels.shape[0]}", f"{size[1]} x {size[0]}")
        seen.add(levels)
        yield levels
    if seen.count != found["num_frames"]:
        raise _exchanged(path, "number of frames", str(seen.count), str(found["num_frames"]))
    if seen.digest.hexdigest() != found["frame_hash"]:
        raise _exchanged(path, "content", seen.digest.hexdigest(), str(found["frame_hash"]))


def _exchanged(path: str, what: str, now: str, before: str) -> ValueError:
    return ValueError(
        f"{path}: not the video that was inspected: its {what} is {now}, was {before}. If this is the right one, have "
        "it inspected again: `touch` it (of rendered videos, remove the manifests in results/*/rendered) and run again"
    )


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


def video_warnings(videos: Sequence[dict]) -> list[tuple[str, str]]:
    """(video_id, warning) for usable videos: repeated or nearly black frames, and all that their inspection noted."""
    warnings = []
    for first, *others in same_frames(videos):
        warnings += [(other, f"has the same frames as {first}") for other in others]
    for video in videos:
        if video["mean_grey"] < BLACK:
            warnings.append((video["video_id"], f"nearly black: mean grey {video['mean_grey']:.2f} of 255"))
        warnings += [(video["video_id"], note) for note in video["notes"].splitlines()]
    return warnings


def data_set_warnings(usable: Sequence[dict], reduced: dict[str, int]) -> list[tuple[str, str]]:
    """
    Warnings about all usable videos together: rates that differ, frames that are stored smaller than filmed.

    reduced: modality -> short side to which larger frames are reduced because none is configured.
    """
    warnings = []
    rates = [video["fps"] for video in usable]
    if max(rates) > UNEVEN * min(rates):
        warnings.append(
            (
                "all videos",
                f"{min(rates):g} to {max(rates):g} frames per second: windows and flow count frames, so the rate may "
                "give the class away; set `fps` of the data set to resample all to one rate",
            )
        )
    for name, short_side in sorted(reduced.items()):
        count = sum(min(video["height"], video["width"]) > short_side for video in usable)
        if count:
            words = f"{count} of {len(usable)} videos are larger than {short_side} pixels on the short side and are "
            warnings.append(
                (f"modality {name}", f"{words}reduced to that; set its `short_side` to change it")
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
            container.mux(stream.encode(frame_of(frame)))
        container.mux(stream.encode())
