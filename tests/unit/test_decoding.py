"""Decoding never lies: rates are evened out by time, limits hold, frame counts and durations are kept to."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.unit.test_video import encode, moving_square
from ukdlib.decoding import Reading, VideoError, read_video
from ukdlib.video import check_video, remarks_on, write_video


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


def test_a_varying_rate_is_evened_out_by_time(tmp_path):
    path = numbered(tmp_path / "a.mkv", [0, 100, 500, 600, 700])  # the second frame stands for 400 ms
    assert shown(path, fps=10) == [0, 1, 1, 1, 1, 2, 3, 4]
    assert len(shown(path)) == 5
    assert (
        not check_video(path, 1)["steady"]
        and check_video(numbered(tmp_path / "b.mkv", [0, 33, 67]), 1)["steady"]
    )


def test_time_need_not_begin_at_zero(tmp_path):
    assert shown(numbered(tmp_path / "a.mkv", [5000, 5100, 5200]), fps=10) == [0, 1, 2]


def test_one_frame_is_shown_once_at_any_rate(tmp_path):
    path = str(tmp_path / "a.mp4")
    write_video(path, moving_square(1), fps=30)
    for fps in (None, 1, 15, 30):
        assert len(read_video(path, Reading(fps=fps))[0]) == 1


def test_a_frame_is_changed_before_the_next_is_read(tmp_path):
    write_video(str(tmp_path / "a.mp4"), moving_square(4), fps=30)
    frames, _ = read_video(str(tmp_path / "a.mp4"), each=lambda frame: frame[:8, :8])
    assert frames.shape == (4, 8, 8, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (2, 2), (3, 5)])
def test_the_smallest_pictures_are_read(size, tmp_path):
    assert read_video(numbered(tmp_path / "a.mkv", [0, 33], *size))[0].shape == (2, *size, 3)


def test_8k_is_set_aside_before_it_is_decoded(tmp_path):
    path = tmp_path / "a.mkv"
    encode(path, np.zeros((1, 4320, 7680, 3), np.uint8), "mjpeg", "yuvj420p")
    found = check_video(str(path), min_frames=1)
    assert found["reason"] == "7680 x 4320 pixels, more than max_megapixels = 9 allows"


def test_a_long_video_is_set_aside_without_being_held(tmp_path):
    write_video(str(tmp_path / "a.mp4"), moving_square(30), fps=30)
    with pytest.raises(VideoError, match="longer than max_frames, which is 20"):
        read_video(str(tmp_path / "a.mp4"), Reading(max_frames=20))
    with pytest.raises(VideoError, match="longer than max_frames"):
        read_video(str(tmp_path / "a.mp4"), Reading(fps=300, max_frames=100))


def test_a_container_that_counts_no_frames_is_held_to_its_duration(tmp_path):
    path = tmp_path / "a.mkv"
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    encode(path, noise, "mjpeg", "yuvj420p")
    assert len(read_video(str(path))[0]) == 40
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"^truncated: "):
        read_video(str(path))


def test_black_repeated_and_uneven_videos_are_remarked_on_and_kept():
    video = {"mean_grey": 20.0, "steady": True}
    videos = [
        {**video, "video_id": "a", "frame_hash": "1"},
        {**video, "video_id": "b", "frame_hash": "1"},
        {**video, "video_id": "c", "frame_hash": "2", "mean_grey": 0.3},
        {**video, "video_id": "d", "frame_hash": "3", "steady": False},
    ]
    assert remarks_on(videos) == [
        ("b", "has the very frames of a"),
        ("c", "nearly black: mean grey 0.30 of 255"),
        ("d", "its frame rate varies; `fps` of the data set would even it out"),
    ]
    assert len(remarks_on(videos, resampled=True)) == 2


def test_an_all_black_video_is_usable(tmp_path):
    write_video(str(tmp_path / "a.mp4"), np.zeros((8, 32, 48, 3), np.uint8), 15)
    assert check_video(str(tmp_path / "a.mp4"), 8)["status"] == "ok"
