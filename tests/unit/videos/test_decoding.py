"""Decoding is faithful: rates are resampled by time, limits hold, frame counts and durations are checked."""

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.unit.videos.test_inspection import encode, moving_square
from ukdlib.videos.containers import VideoError
from ukdlib.videos.decoding import Reading, read_video
from ukdlib.videos.inspection import (
    check_video,
    data_set_warnings,
    lost_class_warnings,
    video_warnings,
    write_video,
)

NOISE = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)


def numbered(path, times, height=16, width=16):
    """A lossless video whose frame k is all of grey 10 * k and is shown from times[k] (ms) on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = height, width, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for k, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 10 * k, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def shown(path, **reading):
    return (read_video(path, Reading(**reading))[0][:, 0, 0, 0] // 10).tolist()


def test_at_half_the_rate_every_other_frame_is_shown(tmp_path):
    path = numbered(tmp_path / "a.mkv", [0, 33, 67, 100, 133, 167])
    assert shown(path) == [0, 1, 2, 3, 4, 5]
    assert shown(path, fps=15) == [0, 2, 4]
    assert read_video(path, Reading(fps=15))[1] == 15


def test_at_twice_the_rate_every_frame_is_shown_twice(tmp_path):
    assert shown(numbered(tmp_path / "a.mkv", [0, 100, 200]), fps=20) == [0, 0, 1, 1, 2]


def test_a_varying_rate_is_resampled_by_time(tmp_path):
    path = numbered(tmp_path / "a.mkv", [0, 100, 500, 600, 700])  # the second frame lasts 400 ms
    assert shown(path, fps=10) == [0, 1, 1, 1, 1, 2, 3, 4]
    assert len(shown(path)) == 5
    assert check_video(path, 1)["notes"] == "its frame rate varies; set `fps` of the data set to resample it"
    assert check_video(path, 1, Reading(fps=10))["notes"] == ""
    assert check_video(numbered(tmp_path / "b.mkv", [0, 33, 67]), 1)["notes"] == ""


def with_drops(path, kept, codec):
    """An AVI file of frames that are shown at these numbers; it has an empty chunk for each that is not."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=15)
        stream.height, stream.width = NOISE.shape[1:3]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for k in kept:
            frame = av.VideoFrame.from_ndarray(NOISE[k % 30], format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 15)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "libx264"])
@pytest.mark.parametrize("kept", [[*range(10), *range(14, 24)], [0, 2, 3, 6, 7], [0, 1]])
def test_frames_that_a_camera_dropped_are_not_missing(kept, codec, tmp_path):
    found = check_video(with_drops(str(tmp_path / "a.avi"), kept, codec), 1)
    assert (found["status"], found["num_frames"]) == ("ok", len(kept))
    assert ("varies" in found["notes"]) == (kept != [0, 1])


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "libx264"])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_dropped_frames_do_not_hide_that_a_file_is_truncated(share, codec, tmp_path):
    path = Path(with_drops(str(tmp_path / "a.avi"), [*range(10), *range(14, 60)], codec))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert check_video(str(path), 1)["reason"].startswith("truncated")


def test_a_leading_still_image_is_not_the_video(tmp_path):
    path = str(tmp_path / "a.mkv")
    with av.open(path, "w") as container:
        streams = [container.add_stream(codec, rate=15) for codec in ("mjpeg", "libx264")]
        for stream, pix_fmt in zip(streams, ("yuvj420p", "yuv420p"), strict=True):
            stream.height, stream.width, stream.pix_fmt = 64, 64, pix_fmt
        for stream, count in zip(streams, (1, 12), strict=True):
            for k in range(count):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 4 * k, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    assert check_video(path, 1)["num_frames"] == 12


def test_time_need_not_begin_at_zero(tmp_path):
    assert shown(numbered(tmp_path / "a.mkv", [5000, 5100, 5200]), fps=10) == [0, 1, 2]


def test_one_frame_is_shown_once_at_any_rate(tmp_path):
    path = str(tmp_path / "a.mp4")
    write_video(path, moving_square(1), fps=30)
    for fps in (None, 1, 15, 30):
        assert len(read_video(path, Reading(fps=fps))[0]) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (2, 2), (3, 5)])
def test_the_smallest_frames_are_read(size, tmp_path):
    assert read_video(numbered(tmp_path / "a.mkv", [0, 33], *size))[0].shape == (2, *size, 3)


def test_8k_is_rejected_before_it_is_decoded(tmp_path):
    path = tmp_path / "a.mkv"
    encode(path, np.zeros((1, 4320, 7680, 3), np.uint8), "mjpeg", "yuvj420p")
    found = check_video(str(path), min_frames=1)
    assert found["reason"] == "7680 x 4320 pixels, more than max_megapixels = 9 allows"


def test_a_long_video_is_rejected_without_being_held(tmp_path):
    write_video(str(tmp_path / "a.mp4"), moving_square(30), fps=30)
    with pytest.raises(VideoError, match="longer than max_frames, which is 20"):
        read_video(str(tmp_path / "a.mp4"), Reading(max_frames=20))
    with pytest.raises(VideoError, match="longer than max_frames"):
        read_video(str(tmp_path / "a.mp4"), Reading(fps=300, max_frames=100))


@pytest.mark.parametrize("jump", [10**4, 10**6, 10**9])
def test_a_gap_in_time_is_left_out_and_noted(jump, tmp_path):
    path = numbered(tmp_path / "a.mkv", [0, 33, jump, jump + 33])
    assert shown(path) == shown(path, fps=30) == [0, 1, 2, 3]
    assert (
        f"a gap of {(jump - 66) / 1000:.1f} s in time is left out"
        in check_video(path, 1, Reading(fps=30))["notes"]
    )


def test_a_picture_that_stands_still_for_a_while_is_no_gap(tmp_path):
    assert shown(numbered(tmp_path / "a.mkv", [0, 100, 1900, 2000]), fps=10) == [0, *[1] * 18, 2, 3]


def test_a_container_without_frame_count_is_checked_by_its_duration(tmp_path):
    path = tmp_path / "a.mkv"
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    encode(path, noise, "mjpeg", "yuvj420p")
    assert len(read_video(str(path))[0]) == 40
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"^truncated: "):
        read_video(str(path))


# ---------------------------------------------------------------- files made to mislead, and damaged ones


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.mp4\n",
        "ffconcat version 1.0\nfile {folder}/secret.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><image href="secret.mp4"/></svg>',
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_text_that_names_another_video_does_not_open_it(text, name, tmp_path):
    write_video(str(tmp_path / "secret.mp4"), moving_square(9), fps=30)
    (tmp_path / name).write_text(text.format(folder=tmp_path))
    with pytest.raises(VideoError, match="not a readable video"):
        read_video(str(tmp_path / name))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tiff"])
def test_an_image_with_a_video_name_is_rejected(suffix, tmp_path):
    content = cv2.imencode(f".{suffix}", moving_square(1)[0])[1].tobytes()
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(VideoError, match="not a readable video: not one of the containers mov, "):
        read_video(str(tmp_path / "a.mp4"))


@pytest.mark.parametrize("name", ["concat:a.mp4|b.mp4", "file:a.mp4", "-i.mp4", "a%03d.mp4", "pipe:0"])
def test_a_name_is_never_a_url(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video("plain.mp4", moving_square(7), fps=30)
    for other in ("a.mp4", "b.mp4", "a000.mp4"):
        write_video(other, moving_square(3), fps=30)
    os.replace("plain.mp4", name)
    assert len(read_video(name)[0]) == 7


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("b.avi", "mpeg4", "yuv420p"),
        ("c.mkv", "libx264", "yuv420p"),
        ("d.avi", "mjpeg", "yuvj420p"),
        ("e.ts", "libx264", "yuv420p"),
        ("f.webm", "libvpx", "yuv420p"),
    ],
)
def test_whatever_bytes_are_changed_the_video_is_usable_or_has_a_reason(name, codec, pix_fmt, tmp_path):
    """60 damages of each container, half of them in its head: never another error, never more frames than filmed."""
    encode(tmp_path / name, NOISE, codec, pix_fmt)
    whole = (tmp_path / name).read_bytes()
    reasons = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        content = bytearray(whole)
        for place in rng.integers(0, len(whole) if seed % 2 else 2000, 8):
            content[place] = rng.integers(256)
        (tmp_path / name).write_bytes(content)
        found = check_video(str(tmp_path / name), min_frames=1)
        reasons.add(found["reason"])
        assert found["status"] == "rejected" or (0 < found["num_frames"] <= 30)
        assert len(found["reason"]) < 150
    assert "" in reasons and len(reasons) > 1


def with_damaged_frames(path, count):
    """30 frames, each coded on its own; three quarters of every one of the first `count` are noise."""
    encode(path, NOISE, "mpeg4", "yuv420p")
    with av.open(path) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size][:count]
    with open(path, "r+b") as file:
        for number, (place, size) in enumerate(places):
            file.seek(place + size // 4)
            file.write(np.random.default_rng(number).bytes(size - size // 4))
    return path


def test_a_few_damaged_frames_are_counted_and_many_reject_a_video(tmp_path):
    found = [check_video(with_damaged_frames(str(tmp_path / "a.avi"), count), 1) for count in (0, 3, 4)]
    assert [each["notes"] for each in found] == ["", "3 of its 30 frames are damaged", None]
    assert [each["reason"] for each in found] == ["", "", "damaged: 4 of 30 frames"]


def test_black_repeated_and_uneven_videos_are_warned_about_and_kept():
    video = {"mean_grey": 20.0, "notes": "", "num_frames": 30}
    videos = [
        {**video, "video_id": "a", "frame_hash": "1"},
        {**video, "video_id": "b", "frame_hash": "1"},
        {**video, "video_id": "c", "frame_hash": "2", "mean_grey": 0.3},
        {
            **video,
            "video_id": "d",
            "frame_hash": "3",
            "notes": "its frame rate varies\n2 of its 30 frames are damaged",
        },
    ]
    assert video_warnings(videos) == [
        ("b", "has the same frames as a"),
        ("c", "nearly black: mean grey 0.30 of 255"),
        ("d", "its frame rate varies"),
        ("d", "2 of its 30 frames are damaged"),
    ]


def test_an_all_black_video_is_usable(tmp_path):
    write_video(str(tmp_path / "a.mp4"), np.zeros((8, 32, 48, 3), np.uint8), 15)
    assert check_video(str(tmp_path / "a.mp4"), 8)["status"] == "ok"


def test_a_class_that_loses_all_its_videos_is_warned_about():
    usable, rejected = [{"label": 0}, {"label": 3}], [{"label": 3}, {"label": 2}, {"label": 2}]
    assert lost_class_warnings(usable, rejected, ["Run", "Fly", "Sit", "Walk"]) == [
        ("class 'Sit'", "none of its videos can be used")
    ]


def test_rates_that_differ_and_frames_that_are_reduced_are_warned_about():
    videos = [
        {"fps": fps, "height": height, "width": 640}
        for fps, height in ((15.0, 240), (16.0, 480), (30.0, 720))
    ]
    rates, reduced = data_set_warnings(videos, {"rgb": 288})
    assert rates[0] == "all videos" and rates[1].startswith("15 to 30 frames per second: ")
    assert reduced[0] == "modality rgb" and reduced[1].startswith("2 of 3 videos are larger than 288 pixels")
    assert data_set_warnings(videos[:2], {}) == [] and data_set_warnings(videos[:1], {"rgb": 288}) == []
