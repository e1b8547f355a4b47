"""Shards return what was put in, a window is a slice, and an interrupted writer resumes where it stopped."""

import os
import pickle

import cv2
import numpy as np
import pyarrow as pa
import pytest

from ukdlib.frames import parts
from ukdlib.frames.parts import Part
from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.pictures.levels import resize


def smooth(number: int, channels: int = 3) -> np.ndarray:
    """A clip (T, H, W, C) without hard edges, another one for each number; JPEG changes it little."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 216, (5 + number, 4, 5, channels), dtype=np.uint8)
    return np.stack([cv2.resize(frame, (41, 30), interpolation=cv2.INTER_CUBIC) for frame in coarse])


CLIPS = {f"clip{number}": smooth(number) for number in range(3)}


class Interrupted(Exception):
    pass


def interrupted_after(count: int, made: list[str]):
    """make_frames that records its calls and stops after `count` videos."""

    def make_frames(video_id):
        if len(made) == count:
            raise Interrupted
        made.append(video_id)
        return CLIPS[video_id]

    return make_frames


@pytest.fixture
def shard(tmp_path):
    return str(tmp_path / "shard0.arrow")


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("channels", [2, 3])
def test_raw_frames_come_back_bit_by_bit(channels, shard):
    frames = np.random.default_rng(0).integers(0, 256, (4, 7, 9, channels), dtype=np.uint8)
    write_shard(shard, ["a"], lambda _: frames)
    store = open_shards([shard])
    assert (
        (store.video("a") == frames).all() and store.channels == channels and store.shape("a") == frames.shape
    )


def test_opencv_leaves_the_threads_to_the_readers(shard):
    """Several read at the same time, each in its own."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        write_shard(shard, ["a"], lambda _: smooth(1), codec="jpeg")
        open_shards([shard])
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("channels", [2, 3])
def test_jpeg_frames_come_back_nearly(channels, shard):
    frames = smooth(1, channels)
    write_shard(shard, ["a"], lambda _: frames, codec="jpeg")
    error = np.abs(open_shards([shard]).video("a").astype(int) - frames)
    assert error.mean() < 2 and error.max() < 25


def test_jpeg_keeps_the_order_of_colours_and_of_flow_components(shard):
    for frame in (np.uint8([200, 100, 30]), np.uint8([90, 170])):
        write_shard(shard, ["a"], lambda _, f=frame: np.tile(f, (2, 16, 24, 1)), codec="jpeg")
        np.testing.assert_allclose(open_shards([shard]).video("a")[1, 8, 12], frame, atol=2)


def test_jpeg_keeps_no_motion_exactly(shard):
    write_shard(shard, ["a"], lambda _: np.full((2, 31, 45, 2), 128, np.uint8), codec="jpeg")
    assert (open_shards([shard]).video("a") == 128).all()


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_a_window_is_a_slice_of_the_whole(codec, shard):
    write_shard(shard, list(CLIPS), CLIPS.__getitem__, codec=codec)
    store = open_shards([shard])
    for indices in ([0], [4, 1, 1], np.arange(2, 6)):
        assert (store.window("clip1", indices) == store.video("clip1")[indices]).all()


def test_several_shards_are_one_store_also_in_another_process(tmp_path):
    paths = [str(tmp_path / f"{number}.arrow") for number in range(4)]
    for path, ids in zip(paths, (["clip0"], [], ["clip2", "clip1"], []), strict=True):
        write_shard(path, ids, CLIPS.__getitem__)
    store = pickle.loads(pickle.dumps(open_shards(paths)))
    assert store.video_ids == ["clip0", "clip2", "clip1"]
    assert all((store.video(video_id) == frames).all() for video_id, frames in CLIPS.items())


# ---------------------------------------------------------------- long videos, in parts


@pytest.fixture(params=[1, 2.5, 100])
def in_parts(request, monkeypatch):
    """Parts of as many frames, or one more."""
    monkeypatch.setattr(parts, "FULL", int(request.param * CLIPS["clip0"][0].nbytes))


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_parts_change_nothing_that_is_read(codec, in_parts, tmp_path):
    whole, split = str(tmp_path / "whole.arrow"), str(tmp_path / "split.arrow")
    write_shard(split, list(CLIPS), CLIPS.__getitem__, codec)
    with pytest.MonkeyPatch.context() as unsplit:
        unsplit.setattr(parts, "FULL", 2**30)
        write_shard(whole, list(CLIPS), CLIPS.__getitem__, codec)
    one, other = open_shards([whole]), pickle.loads(pickle.dumps(open_shards([split])))
    for video_id in CLIPS:
        assert one.shape(video_id) == other.shape(video_id)
        for indices in ([0], [4, 1, 1, 3], np.arange(2, 5), [4, 3, 2, 1, 0]):
            assert (one.window(video_id, indices) == other.window(video_id, indices)).all()
        assert (np.stack(list(other.frames(video_id))) == one.video(video_id)).all()


def test_windows_cover_a_video_and_share_frames(shard):
    write_shard(shard, ["clip2"], CLIPS.__getitem__)
    store, frames = open_shards([shard]), CLIPS["clip2"]  # 7 of them
    for length, shared, expected in (
        (3, 0, [3, 3, 1]),
        (3, 1, [3, 3, 3]),
        (4, 1, [4, 4]),
        (9, 1, [7]),
        (2, 1, [2] * 6),
    ):
        windows = list(store.windows("clip2", length, shared))
        assert [len(window) for window in windows] == expected
        joined = np.concatenate([windows[0], *(window[shared:] for window in windows[1:])])
        assert (joined == frames).all()


def test_frames_may_come_one_by_one(shard):
    write_shard(shard, list(CLIPS), lambda video_id: iter(CLIPS[video_id]))
    assert all((open_shards([shard]).video(video_id) == frames).all() for video_id, frames in CLIPS.items())


def test_a_video_interrupted_between_its_parts_is_computed_again(shard, monkeypatch):
    monkeypatch.setattr(parts, "FULL", CLIPS["clip0"][0].nbytes)

    def frames(video_id):
        yield from CLIPS[video_id][:3]
        if video_id == "clip1":
            raise Interrupted
        yield from CLIPS[video_id][3:]

    with pytest.raises(Interrupted):
        write_shard(shard, list(CLIPS), frames)
    made: list[str] = []
    write_shard(shard, list(CLIPS), interrupted_after(9, made))
    assert made == ["clip1", "clip2"]
    assert all((open_shards([shard]).video(video_id) == clip).all() for video_id, clip in CLIPS.items())


def test_a_missing_part_is_damage(shard, monkeypatch):
    monkeypatch.setattr(parts, "FULL", CLIPS["clip0"][0].nbytes)
    write_shard(shard, ["clip0"], CLIPS.__getitem__)
    batches = pa.ipc.open_file(shard)
    for left_out in (0, 1, batches.num_record_batches - 1):
        with pa.OSFile(f"{shard}2", "wb") as sink, pa.ipc.new_file(sink, batches.schema) as writer:
            for number in range(batches.num_record_batches):
                if number != left_out:
                    writer.write_batch(batches.get_batch(number))
        with pytest.raises(ValueError, match="is damaged"):
            open_shards([f"{shard}2"])


# ---------------------------------------------------------------- resuming after an interruption


def test_an_interrupted_writer_leaves_no_final_file(shard):
    with pytest.raises(Interrupted):
        write_shard(shard, list(CLIPS), interrupted_after(2, []))
    assert not os.path.exists(shard)


def test_finished_videos_are_not_computed_again(shard):
    made: list[str] = []
    for count in (1, 2):  # interrupted twice
        with pytest.raises(Interrupted):
            write_shard(shard, list(CLIPS), interrupted_after(count, made), key="k")
    write_shard(shard, list(CLIPS), interrupted_after(3, made), key="k")
    assert made == list(CLIPS)
    assert all((open_shards([shard]).video(video_id) == frames).all() for video_id, frames in CLIPS.items())
    assert os.listdir(os.path.dirname(shard)) == ["shard0.arrow"]


def test_a_truncated_video_is_computed_again(shard):
    made: list[str] = []
    with pytest.raises(Interrupted):
        write_shard(shard, list(CLIPS), interrupted_after(2, made))
    os.truncate(f"{shard}.part", os.path.getsize(f"{shard}.part") - CLIPS["clip1"].nbytes // 2)
    write_shard(shard, list(CLIPS), interrupted_after(9, made))
    assert made == ["clip0", "clip1", "clip1", "clip2"]
    assert (open_shards([shard]).video("clip1") == CLIPS["clip1"]).all()


def test_a_copy_that_was_itself_interrupted_loses_nothing(shard):
    made: list[str] = []
    with pytest.raises(Interrupted):
        write_shard(shard, list(CLIPS), interrupted_after(2, made))
    os.replace(f"{shard}.part", f"{shard}.left")  # killed after the first video was copied from left to part
    with pytest.raises(Interrupted):
        write_shard(f"{shard}2", list(CLIPS), interrupted_after(1, []))
    os.replace(f"{shard}2.part", f"{shard}.part")
    write_shard(shard, list(CLIPS), interrupted_after(9, made))
    assert made == list(CLIPS)


@pytest.mark.parametrize("change", [{"key": "other"}, {"codec": "jpeg"}])
def test_another_key_or_codec_starts_over(change, shard):
    with pytest.raises(Interrupted):
        write_shard(shard, list(CLIPS), interrupted_after(2, []), key="k")
    made: list[str] = []
    write_shard(shard, list(CLIPS), interrupted_after(9, made), **{"key": "k"} | change)
    assert made == list(CLIPS)


@pytest.mark.parametrize("seed", range(40))
def test_a_video_that_was_damaged_while_the_run_was_down_is_computed_again(seed, shard):
    with pytest.raises(Interrupted):
        write_shard(shard, list(CLIPS), interrupted_after(2, []))
    content = bytearray(open(f"{shard}.part", "rb").read())
    content[int(np.random.default_rng(seed).integers(len(content)))] ^= 1 << seed % 8
    with open(f"{shard}.part", "wb") as file:
        file.write(content)
    write_shard(shard, list(CLIPS), interrupted_after(9, []))
    store = open_shards([shard])
    assert store.video_ids == list(CLIPS)
    assert all((store.video(video_id) == frames).all() for video_id, frames in CLIPS.items())


def test_garbage_of_an_earlier_run_is_ignored(shard):
    with open(f"{shard}.part", "wb") as file:
        file.write(b"no Arrow file at all, but longer than its first eight bytes")
    write_shard(shard, ["clip0"], CLIPS.__getitem__)
    assert open_shards([shard]).video_ids == ["clip0"]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 4, 4, 3)),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((2, 4, 4, 1), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
    ],
)
def test_frames_of_another_kind_are_refused_by_name(frames, shard):
    with pytest.raises(ValueError, match="clip7: frames must be uint8"):
        write_shard(shard, ["clip7"], lambda _: frames)


def test_unknown_codecs_and_repeated_videos_are_refused(shard):
    with pytest.raises(ValueError, match=r"unknown codec 'png'; known: \['jpeg', 'raw'\]"):
        write_shard(shard, ["clip0"], CLIPS.__getitem__, codec="png")
    with pytest.raises(ValueError, match="given twice"):
        write_shard(shard, ["clip0", "clip0"], CLIPS.__getitem__)


def test_shards_that_do_not_belong_together_are_refused(tmp_path):
    rgb, flow, empty = (str(tmp_path / name) for name in ("rgb.arrow", "flow.arrow", "empty.arrow"))
    write_shard(rgb, ["a"], lambda _: smooth(0))
    write_shard(flow, ["b"], lambda _: smooth(0, channels=2))
    write_shard(empty, [], lambda _: smooth(0))
    with pytest.raises(ValueError, match=r"flow\.arrow: 'b' has 2 channels, others 3"):
        open_shards([rgb, flow])
    with pytest.raises(ValueError, match=r"rgb\.arrow: video 'a' is in another shard"):
        open_shards([rgb, rgb])
    with pytest.raises(ValueError, match="no shards"):
        open_shards([])
    with pytest.raises(ValueError, match=r"no video in .*empty\.arrow"):
        _ = open_shards([empty]).channels


def test_unknown_videos_frames_and_files_are_refused(shard, tmp_path):
    write_shard(shard, ["clip0"], CLIPS.__getitem__)
    store = open_shards([shard])
    with pytest.raises(ValueError, match=r"no video 'clip9' in .*shard0\.arrow"):
        store.shape("clip9")
    for indices in ([5], [-1], []):
        with pytest.raises(ValueError, match="clip0 has frames 0 to 4"):
            store.window("clip0", indices)
    os.truncate(shard, 100)
    with pytest.raises(ValueError, match=r"shard0\.arrow is damaged: ArrowInvalid, Not an Arrow file"):
        open_shards([shard])


# ---------------------------------------------------------------- resizing


@pytest.mark.parametrize(
    ("shape", "expected"), [((240, 320), (72, 96)), ((320, 240), (96, 72)), ((240, 427), (72, 128))]
)
def test_short_side_is_met_and_proportions_stay(shape, expected):
    assert resize(np.zeros((2, *shape, 3), np.uint8), 72).shape == (2, *expected, 3)


def test_resize_keeps_grey_levels_and_does_nothing_when_not_asked():
    frames = np.full((2, 30, 41, 3), 77, np.uint8)
    assert (resize(frames, 17) == 77).all() and (resize(frames, 50) == 77).all()
    assert resize(frames, None) is frames and resize(frames, 30) is frames


def test_what_was_checked_once_is_not_checked_again(tmp_path, monkeypatch):
    """A checksum takes the whole video off the disk."""
    path = str(tmp_path / "a.arrow")
    write_shard(path, ["v"], lambda _: np.zeros((5, 4, 4, 3), np.uint8))
    store = open_shards([path])
    store.window("v", [0])
    monkeypatch.setattr(Part, "is_whole", lambda *_: False)
    assert store.window("v", [0]).shape == (1, 4, 4, 3)
    with pytest.raises(ValueError, match="is damaged"):
        open_shards([path]).window("v", [0])
