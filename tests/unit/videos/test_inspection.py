"""Videos survive writing and reading; each kind of broken file has its reason and never a traceback."""

import os
import struct

import av
import numpy as np
import pytest

from ukdlib.videos.containers import VideoError
from ukdlib.videos.decoding import read_video
from ukdlib.videos.inspection import (
    check_video,
    inspect_video,
    same_frames,
    set_aside,
    write_video,
)


def moving_square(num_frames: int = 30, height: int = 48, width: int = 64) -> np.ndarray:
    """RGB clip (T, H, W, 3) of a bright orange square that moves over a dark ground."""
    frames = np.full((num_frames, height, width, 3), 20, np.uint8)
    for time, frame in enumerate(frames):
        frame[16:32, time % (width - 16) : time % (width - 16) + 16] = (220, 120, 40)
    return frames


def encode(path, frames, codec="libx264", pix_fmt="yuv420p", **container_options):
    """A video of any codec and pixel format, as a user may have it."""
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


def encode_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


# ---------------------------------------------------------------- good files


def test_what_is_written_is_read(tmp_path):
    frames, path = moving_square(), str(tmp_path / "a clip (1).mp4")
    write_video(path, frames, fps=29.97, crf=1)
    read, fps = read_video(path)
    assert read.shape == frames.shape and read.dtype == np.uint8
    assert abs(fps - 29.97) < 0.001
    inner = np.s_[:, 20:28, 36:44]  # colour is stored at half the resolution, so edges differ
    assert np.abs(read[inner].astype(int) - frames[inner]).mean() < 3
    assert os.listdir(tmp_path) == ["a clip (1).mp4"]


def test_the_same_frames_give_the_same_bytes(tmp_path):
    frames = moving_square() ^ np.random.default_rng(0).integers(0, 16, (30, 48, 64, 3), dtype=np.uint8)
    for name in ("a.mp4", "b.mp4"):
        write_video(str(tmp_path / name), frames, fps=30)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_file_is_replaced_only_when_complete(tmp_path):
    path = str(tmp_path / "a.mp4")
    write_video(path, moving_square(5), fps=30)
    with pytest.raises(ValueError, match="even"):
        write_video(path, moving_square(5, height=47), fps=30)
    assert len(read_video(path)[0]) == 5


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("libx264", "yuv444p", "odd.mp4"),
        ("libx264", "gray", "grey.mp4"),
        ("libx264", "yuv420p10le", "ten_bit.mp4"),
        ("mjpeg", "yuvj420p", "motion_jpeg.avi"),
        ("mpeg4", "yuv420p", "divx.avi"),
        ("ffv1", "yuv420p", "lossless.mkv"),
    ],
)
def test_other_formats_become_upright_rgb(codec, pix_fmt, name, tmp_path):
    frames = moving_square(8, height=49 if "odd" in name else 48, width=65 if "odd" in name else 64)
    read, fps = read_video(encode(tmp_path / name, frames, codec, pix_fmt))
    assert read.shape == frames.shape and fps == 25
    expected = np.array([142, 142, 142]) if pix_fmt == "gray" else np.array([220, 120, 40])
    np.testing.assert_allclose(read[0, 20:28, 4:12].mean(axis=(0, 1)), expected, atol=8)


@pytest.mark.parametrize(
    ("a", "b", "c", "d", "turns"), [(0, 1, -1, 0, -1), (0, -1, 1, 0, 1), (-1, 0, 0, -1, 2), (1, 0, 0, 1, 0)]
)
def test_rotation_stated_in_the_file_is_applied(a, b, c, d, turns, tmp_path):
    """The display matrix maps (x, y) to (a x + c y, b x + d y); turns are anti-clockwise."""
    path = tmp_path / "a.mp4"
    write_video(str(path), moving_square(3), fps=30)
    plain = read_video(str(path))[0]
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    struct.pack_into(">iiiii", content, matrix, a << 16, b << 16, 0, c << 16, d << 16)
    path.write_bytes(content)
    assert (read_video(str(path))[0] == np.rot90(plain, turns, axes=(1, 2))).all()


def test_one_frame_is_a_video(tmp_path):
    write_video(str(tmp_path / "a.mp4"), moving_square(1), fps=30)
    assert inspect_video(str(tmp_path / "a.mp4"))["num_frames"] == 1


def test_findings_of_an_inspection(tmp_path):
    path = str(tmp_path / "a.mp4")
    write_video(path, np.full((9, 32, 48, 3), 100, np.uint8), fps=15)
    found = inspect_video(path)
    assert (found["num_frames"], found["fps"], found["height"], found["width"]) == (9, 15.0, 32, 48)
    assert abs(found["mean_grey"] - 100) < 1.5


def test_hash_is_of_the_frames_and_not_of_the_file(tmp_path):
    frames = moving_square(6)
    hashes = [
        inspect_video(encode(tmp_path / name, content, "ffv1", "bgr0"))["frame_hash"]
        for name, content in (("a.mkv", frames), ("b.avi", frames), ("c.mkv", frames[::-1]))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


# ---------------------------------------------------------------- bad files


@pytest.fixture
def bad(tmp_path):
    """Path of a broken file by the kind of breakage."""

    def make(kind: str) -> str:
        path = tmp_path / f"{kind}.mp4"
        if kind == "empty":
            path.touch()
        elif kind == "text":
            path.write_text("this is not a video\n" * 100)
        elif kind == "sound":
            encode_sound(path)
        elif kind == "folder":
            path.mkdir()
        elif kind.startswith("cut"):
            noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)
            front = {"movflags": "faststart"} if kind == "cut_data" else {}  # index first or last
            encode(path, noise, **front)
            os.truncate(path, path.stat().st_size * 6 // 10)
        return str(path)

    return make


REASONS = {
    "missing": "missing file",
    "folder": "missing file",
    "empty": "empty file",
    "text": "not a readable video: ",
    "sound": "no video stream",
    "cut_index": "not a readable video: ",
    "cut_data": r"truncated: \d+ of 30 frames",
}


@pytest.mark.parametrize("kind", REASONS)
def test_broken_files_have_a_short_reason(kind, bad):
    with pytest.raises(VideoError, match=f"^{REASONS[kind]}") as caught:
        read_video(bad(kind))
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("kind", REASONS)
def test_broken_files_are_rejected_without_an_error(kind, bad):
    found = check_video(bad(kind), min_frames=8)
    assert found["status"] == "rejected" and found["reason"] and found["num_frames"] is None


def test_short_videos_are_rejected_and_long_enough_ones_not(tmp_path):
    path = str(tmp_path / "a.mp4")
    write_video(path, moving_square(5), fps=30)
    assert check_video(path, min_frames=5)["status"] == "ok"
    assert check_video(path, min_frames=6)["reason"] == "too short: 5 of at least 6 frames"


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        (np.zeros((2, 48, 64, 3)), "must be uint8"),
        (np.zeros((0, 48, 64, 3), np.uint8), "must be uint8"),
        (np.zeros((2, 48, 64), np.uint8), "must be uint8"),
        (np.zeros((2, 48, 63, 3), np.uint8), "even, got 48 x 63"),
    ],
)
def test_frames_that_cannot_be_encoded_are_refused(frames, complaint, tmp_path):
    with pytest.raises(ValueError, match=rf"a\.mp4: .*{complaint}"):
        write_video(str(tmp_path / "a.mp4"), frames, fps=30)


# ---------------------------------------------------------------- a data set


def checked(count: int, bad: int) -> list[dict]:
    videos = [{"video_id": f"v{number:02}", "status": "ok", "reason": ""} for number in range(count)]
    for video in videos[:bad]:
        video.update(status="rejected", reason=f"reason {video['video_id']}")
    return videos[::-1]


def test_every_video_is_usable_or_rejected_in_order():
    usable, rejected = set_aside(checked(20, 3), max_rejected=0.15)
    assert [v["video_id"] for v in rejected] == ["v00", "v01", "v02"]
    assert [v["video_id"] for v in usable] == [f"v{number:02}" for number in range(3, 20)]


def test_a_data_set_with_too_many_bad_videos_is_refused_with_the_first_reasons():
    with pytest.raises(ValueError) as caught:
        set_aside(checked(20, 12), max_rejected=0.5)
    message = str(caught.value)
    assert "12 of 20 videos cannot be used (60%), more than max_rejected = 50% allows" in message
    assert "v09: reason v09" in message and "v10" not in message and "and 2 more" in message


def test_a_data_set_without_a_usable_video_is_refused_whatever_is_allowed():
    with pytest.raises(
        ValueError, match=r"3 of 3 videos cannot be used \(100%\), none is left:\n  v00: reason"
    ):
        set_aside(checked(3, 3), max_rejected=1)
    assert len(set_aside(checked(3, 2), max_rejected=1)[0]) == 1


def test_a_video_outside_the_folder_is_rejected_unread(tmp_path):
    (tmp_path / "videos").mkdir()
    write_video(str(tmp_path / "secret.mp4"), moving_square(9), fps=30)
    (tmp_path / "videos/a.mp4").symlink_to("../secret.mp4")
    (tmp_path / "videos/b.mp4").hardlink_to(tmp_path / "secret.mp4")
    found = check_video(str(tmp_path / "videos/a.mp4"), 1, below=str(tmp_path / "videos"))
    assert "leaves the folder of videos" in found["reason"] and found["num_frames"] is None
    for name, below in (("a", None), ("b", str(tmp_path / "videos")), ("a", str(tmp_path))):
        assert check_video(str(tmp_path / f"videos/{name}.mp4"), 1, below=below)["status"] == "ok"


def test_videos_with_identical_frames_are_found():
    videos = [{"video_id": name, "frame_hash": name[0]} for name in ("a1", "b1", "a2", "c1")]
    assert same_frames(videos) == [["a1", "a2"]]
