"""Video files are found below a folder, whatever else is there; links lead neither into loops nor out."""

import os
import unicodedata

import av
import pytest

from ukdlib.videos.decoding import read_video
from ukdlib.videos.folders import find_videos, plain, video_ids


@pytest.fixture
def folder(tmp_path):
    """A folder `videos` with one video in it, and a video outside."""
    (tmp_path / "videos/Walk/night").mkdir(parents=True)
    (tmp_path / "videos/Walk/night/a.mp4").touch()
    (tmp_path / "secret.mp4").touch()
    return tmp_path / "videos"


def test_nested_folders_and_every_suffix_of_a_video(folder):
    for name in ("b.AVI", "c.mkv", "notes.txt", "thumbs.db", ".hidden.mp4", "no_suffix"):
        (folder / name).touch()
    (folder / ".trash").mkdir()
    (folder / ".trash/d.mp4").touch()
    assert find_videos(str(folder)).paths == ["Walk/night/a.mp4", "b.AVI", "c.mkv"]


def test_files_with_other_suffixes_give_one_warning_per_folder(folder):
    for name in ("Walk/a.txt", "Walk/night/b.ASX", "Walk/night/c.txt", "notes.md"):
        (folder / name).touch()
    (folder / "Slides").mkdir()
    for number in range(1000):
        (folder / f"Slides/{number}.{number % 7}").touch()
    (folder / "Empty/below").mkdir(parents=True)
    (folder / "README").touch()
    assert find_videos(str(folder)).warnings == [
        (".", "skipped: 2 files without a video suffix: .md, none"),
        ("Slides", "skipped: 1000 files without a video suffix: .0, .1, .2, .3, .4, 2 more"),
        ("Walk", "skipped: 3 files without a video suffix: .asx, .txt"),
        ("Empty", "contains no video"),
        ("Slides", "contains no video"),
    ]


@pytest.mark.parametrize(("suffix", "form", "codec"), [
    ("asf", "asf", "wmv2"), ("ogg", "ogg", "libvpx"), ("ogv", "ogg", "libvpx"), ("h264", "h264", "libx264"),
    ("hevc", "hevc", "libx265"), ("vob", "vob", "mpeg2video"), ("mpe", "mpeg", "mpeg1video"),
    ("mxf", "mxf", "mpeg2video"),
])  # fmt: skip
def test_what_is_found_can_be_opened(suffix, form, codec, folder):
    path = str(folder / f"b.{suffix}")
    with av.open(path, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    assert f"b.{suffix}" in find_videos(str(folder)).paths
    frames, fps = read_video(path)
    assert len(frames) == 5 and fps == 25


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_a_link_back_is_no_loop(folder, target):
    (folder / "Walk/loop").symlink_to(target, target_is_directory=True)
    found = find_videos(str(folder), links_out=True)
    assert "Walk/night/a.mp4" in found.paths and len(found.paths) <= 2
    assert any("loop" in path for path, _ in found.warnings) or target == "../.."


def test_two_links_to_each_other_end(folder):
    (folder / "x").symlink_to("y")
    (folder / "y").symlink_to("x")
    found = find_videos(str(folder))
    assert found.paths == ["Walk/night/a.mp4"] and dict(found.warnings) == dict.fromkeys(
        "xy", "skipped: a broken link"
    )


def test_links_leave_the_folder_only_if_allowed(folder):
    (folder / "Walk/out.mp4").symlink_to("../../secret.mp4")
    (folder / "etc").symlink_to("/etc", target_is_directory=True)
    found = find_videos(str(folder))
    assert found.paths == ["Walk/night/a.mp4"]
    assert {path for path, why in found.warnings if "leaves the folder" in why} == {"Walk/out.mp4", "etc"}
    (folder / "etc").unlink()
    assert find_videos(str(folder), links_out=True).paths == ["Walk/night/a.mp4", "Walk/out.mp4"]


def test_a_link_inside_the_folder_is_followed(folder):
    (folder / "Run").symlink_to("Walk", target_is_directory=True)
    assert find_videos(str(folder)).paths == ["Run/night/a.mp4", "Walk/night/a.mp4"]


def test_a_broken_link_is_skipped_with_a_warning(folder):
    (folder / "gone.mp4").symlink_to("nowhere.mp4")
    assert find_videos(str(folder)).warnings == [("gone.mp4", "skipped: a broken link")]


def test_a_name_that_is_not_utf8_is_skipped_with_a_warning(folder):
    open(os.path.join(os.fsencode(folder), b"caf\xe9.mp4"), "w").close()
    found = find_videos(str(folder))
    assert found.paths == ["Walk/night/a.mp4"]
    assert found.warnings == [("caf\\udce9.mp4", "skipped: its name is not UTF-8")]
    assert plain("café.mp4") == "café.mp4"


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        find_videos(str(tmp_path / "nowhere"))


def test_names_of_videos_are_paths_without_suffix_unless_two_share_them():
    ids = video_ids(["Run/a.mp4", "Run/a.avi", "Walk/a.mp4", "b.c.mp4"])
    assert ids == {
        "Run/a.mp4": "Run/a.mp4",
        "Run/a.avi": "Run/a.avi",
        "Walk/a.mp4": "Walk/a",
        "b.c.mp4": "b.c",
    }


def test_composed_and_decomposed_letters_are_one_name():
    parts = unicodedata.normalize("NFD", "Café/é.mp4")
    assert video_ids([parts]) == {parts: "Café/é"}
    both = video_ids([parts, "Café/é.mp4"])
    assert len(set(both.values())) == 2
