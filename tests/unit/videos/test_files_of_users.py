"""Files as users have them, of kinds that readers take wrongly: the right frames, and a note of what was done."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.videos.test_inspection import moving_square
from ukdlib.videos.decoding import Film, Reading, read_video
from ukdlib.videos.inspection import check_video, write_video
from ukdlib.videos.pixels import ORIENTATIONS

FORCED = {"x264-params": "bframes=2:b-adapt=0:scenecut=0:keyint=24"}  # B-frames, whatever is in the picture


def ramp(count):
    """Frames of a grey that tells their number, and a moving square so that no two are alike."""
    frames = moving_square(count, 96, 128)
    frames[:, :16] = (5 * np.arange(count) % 250)[:, None, None, None]
    return frames


def encode(
    path, frames, codec="libx264", rate=24, options=FORCED, sound=0.0, stamps=None, container_format=None
):
    """A video of `frames`; sound: seconds of it; stamps: time of each frame in units of 1 / rate."""
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.bit_rate = 4_000_000
        track = (
            container.add_stream("libopus" if str(path).endswith("webm") else "aac", rate=48000)
            if sound
            else None
        )
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number if stamps is None else stamps[number], Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if track:
            for number in range(int(sound * 48000 / 960)):
                silence = av.AudioFrame.from_ndarray(
                    np.zeros((1, 960), np.float32), format="fltp", layout="mono"
                )
                silence.sample_rate, silence.pts, silence.time_base = 48000, 960 * number, Fraction(1, 48000)
                container.mux(track.encode(silence))
            container.mux(track.encode())
    return str(path)


def numbers(path, count, **reading):
    """Which frames of `ramp` a reader shows."""
    grey = read_video(path, Reading(**reading))[0][:, 4:12].mean(axis=(1, 2, 3))
    return np.abs(grey[:, None] - 5 * np.arange(count) % 250).argmin(axis=1).tolist()


# ---------------------------------------------------------------- lengths and counts


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", "libx264"),
        ("a.mp4", "libx264"),
        ("a.ts", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.webm", "libvpx"),
        ("a.flv", "libx264"),
    ],
)
def test_sound_that_goes_on_does_not_make_a_video_too_short(name, codec, tmp_path):
    options = FORCED if codec == "libx264" else {}
    found = check_video(encode(tmp_path / name, ramp(48), codec, options=options, sound=5.0), 1)
    assert (found["status"], found["num_frames"]) == ("ok", 48), found["reason"]


@pytest.mark.parametrize("sound", [0.0, 4.0])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.mp4", "libx264"), ("a.ts", "libx264"), ("a.avi", "mpeg4")]
)
def test_a_file_that_ends_early_is_rejected(name, codec, share, sound, tmp_path):
    rng = np.random.default_rng(0)
    frames = ramp(96) ^ rng.integers(0, 32, (96, 96, 128, 3), dtype=np.uint8)
    path = Path(
        encode(tmp_path / name, frames, codec, options=FORCED if codec == "libx264" else {}, sound=sound)
    )
    content = path.read_bytes()
    cut = int(share * len(content))
    path.write_bytes(
        content[: cut + (cut % 188 == 0)]
    )  # a transport stream of whole packets is a complete file
    found = check_video(str(path), 1)
    assert found["status"] == "rejected" and found["reason"].startswith(
        ("truncated", "not a readable", "damaged")
    ), found


def test_leading_pictures_without_their_reference_are_noted(tmp_path):
    """As of a recording that was cut without encoding it again: open groups of pictures begin with such."""
    pytest.importorskip("av").codec.Codec("libx265", "w")
    options = {
        "x265-params": "open-gop=1:keyint=24:min-keyint=24:bframes=4:b-adapt=0:scenecut=0:log-level=error"
    }
    whole = encode(tmp_path / "whole.mkv", ramp(96), "libx265", options=options)
    cut = str(tmp_path / "cut.mp4")
    with av.open(whole) as source, av.open(cut, "w", options={"use_editlist": "0"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        keys = 0
        for packet in source.demux(video=0):
            keys += packet.is_keyframe
            if keys >= 2 and packet.size:
                packet.stream = stream
                target.mux(packet)
    with av.open(cut) as container:
        stated = container.streams.video[0].frames
    found = check_video(cut, 1)
    assert found["status"] == "ok" and found["num_frames"] < stated
    missing = stated - found["num_frames"]
    assert found["notes"] == f"{missing} of its {stated} frames are missing or cannot be decoded"


@pytest.mark.parametrize("more", [1, 2, 30])
def test_a_header_may_be_off_by_a_frame_or_two(more, tmp_path):
    path = Path(encode(tmp_path / "a.avi", ramp(40), "mpeg4", options={}))
    content = bytearray(path.read_bytes())
    place = content.index(b"strh") + 8 + 32  # dwLength of the stream's header
    assert struct.unpack_from("<I", content, place)[0] == 40
    struct.pack_into("<I", content, place, 40 + more)
    path.write_bytes(content)
    found = check_video(str(path), 1)
    if more > 2:
        assert found["reason"] == f"truncated: 40 of {40 + more} frames"
    else:
        assert found["notes"] == f"{more} of its {40 + more} frames are missing or cannot be decoded"


# ---------------------------------------------------------------- time stamps


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.avi", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.h264", "libx264"),
        ("a.mkv", "libx264"),
        ("a.mp4", "libx264"),
        ("a.ts", "libx264"),
    ],
)
@pytest.mark.parametrize("fps", [None, 24])
def test_frames_that_are_stored_in_another_order_are_all_shown_in_theirs(name, codec, fps, tmp_path):
    options = FORCED if codec == "libx264" else {"bf": "2"}
    path = encode(tmp_path / name, ramp(48), codec, options=options)
    rate = {"fps": 25 if name.endswith("h264") and fps else fps}  # which states no rate: FFmpeg assumes 25
    assert numbers(path, 48, **rate) == list(range(48))


def test_a_file_without_time_stamps_is_counted(tmp_path):
    path = encode(tmp_path / "a.h264", ramp(48))
    assert check_video(path, 1)["notes"] == "time stamps out of order: frames are counted, 25 per second"


def test_joined_files_continue_where_the_first_one_ends(tmp_path):
    parts = [Path(encode(tmp_path / f"{k}.ts", ramp(24))).read_bytes() for k in range(2)]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    path = str(tmp_path / "joined.ts")
    assert numbers(path, 24) == numbers(path, 24, fps=24) == [*range(24), *range(24)]


def test_a_gap_of_a_minute_is_not_filled(tmp_path):
    stamps = [*range(24), *range(24 + 60 * 24, 48 + 60 * 24)]
    path = encode(tmp_path / "a.ts", ramp(48), stamps=stamps)
    assert numbers(path, 48, fps=24) == list(range(48))
    assert "a gap of 60.0 s in time is left out" in check_video(path, 1, Reading(fps=15))["notes"]
    assert check_video(path, 1, Reading(fps=12))["num_frames"] == 24


# ---------------------------------------------------------------- orientation and pixel shape


@pytest.mark.parametrize("signs", ORIENTATIONS)
def test_an_orientation_in_the_header_is_followed(signs, tmp_path):
    """The eight ways of a display matrix, in the head of an mp4."""
    path = tmp_path / "a.mp4"
    write_video(str(path), moving_square(3), fps=30)
    plain = read_video(str(path))[0]
    content = bytearray(path.read_bytes())
    a, b, c, d = (sign << 16 for sign in signs)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    expected = np.stack([ORIENTATIONS[signs](frame) for frame in plain])
    assert (read_video(str(path))[0] == expected).all()


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.avi"])
@pytest.mark.parametrize(
    ("ratio", "size"), [(Fraction(16, 11), (96, 186)), (Fraction(1, 2), (192, 128)), (Fraction(1), (96, 128))]
)
def test_pixels_that_are_not_square_become_so(name, ratio, size, tmp_path):
    path = str(tmp_path / name)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        stream.codec_context.sample_aspect_ratio = ratio
        for frame in ramp(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    found = check_video(path, 1)
    assert (found["height"], found["width"]) == size
    assert found["notes"] == (
        "" if ratio == 1 else f"pixels are {ratio} (width to height): 128 x 96 became {size[1]} x {size[0]}"
    )


# ---------------------------------------------------------------- memory


def test_frames_come_one_by_one(tmp_path):
    """Of a video that is read only in part, no more is decoded than was asked for."""
    film = iter(Film(encode(tmp_path / "a.mkv", ramp(200))))
    assert next(film).shape == (96, 128, 3) and next(film).dtype == np.uint16
    film.close()
