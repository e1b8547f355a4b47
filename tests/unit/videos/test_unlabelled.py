"""Clips without labels: every form of list, folders, and no clip of a group that is held out."""

import pytest

from ukdlib.settings.config import NO_LABEL
from ukdlib.videos.annotations import Annotation
from ukdlib.videos.datasets import read_dataset
from ukdlib.videos.unlabelled import (
    Unlabelled,
    groups_of_unlabelled,
    read_unlabelled,
    refuse_held_out,
    refuse_labelled,
    unknown_groups,
)

PATHS = ["night/a 1.mp4", "night/b.mp4"]


@pytest.mark.parametrize(
    "text",
    [
        "night/a 1.mp4\nnight/b.mp4\n",
        "# night\n night/a 1.mp4 \nnight/b.mp4\n",
        "\r\nnight/a 1.mp4\r\n\r\nnight/b.mp4",
        "0\t3\tnight/a 1.mp4\n1\t0\tnight/b.mp4\n",
        "night/a 1.mp4 3\nnight/b.mp4 0\n",
        "VideoID,Video,ClassID\n0,night/a 1.mp4,3\n1,night/b.mp4,0\n",
        "video\nnight/a 1.mp4\nnight/b.mp4\n",
        "video,label,group\nnight/a 1.mp4,Walk,7\nnight/b.mp4,Run,8\n",
    ],
)
def test_every_form_of_list_names_the_clips_and_no_label_is_read(text, tmp_path):
    (tmp_path / "list.txt").write_text(text)
    read = read_unlabelled("videos", str(tmp_path / "list.txt"), False)
    assert [annotation.path for annotation in read.videos.values()] == PATHS
    assert {annotation.label for annotation in read.videos.values()} == {NO_LABEL}
    assert list(read.videos) == ["night/a 1", "night/b"]
    assert read.groups == ({"night/a 1": "7", "night/b": "8"} if "group" in text else {})


def test_a_folder_beside_those_of_the_classes_is_no_class(tmp_path):
    for path in ("Walk/a.mp4", "Run/b.mp4", "night/c.mp4", "night/d/e.mkv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    read = read_unlabelled(str(tmp_path), "night", False)
    assert list(read.videos) == ["night/c", "night/d/e"]
    apart = {annotation.path for annotation in read.videos.values()}
    assert read_dataset(str(tmp_path), [{}], None, None, False, apart).classes == ["Run", "Walk"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4\na.mp4\n", ":2: 'a.mp4' is already in .*:1"),
        ("../a.mp4\n", ":1: '../a.mp4' must be a path below"),
        ("/a.mp4\n", "must be a path below"),
        ("video,place\na.mp4,x\n", "must be video and optionally label, subset, group"),
        ("video\n", "lists no videos"),
        ("path,group\na.mp4,7\n", "does not end like a video"),
        ("a.mp4\nb\n", ":2: 'b' does not end like a video"),
        ("video,group\na.mp4,1\nb.mp4,\n", "some videos have a group and some have none"),
        ("", "has no videos"),
    ],
)
def test_a_bad_list_is_refused(text, message, tmp_path):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_unlabelled("videos", str(tmp_path / "list.txt"), False)


def test_a_clip_has_a_label_or_none():
    walk = Annotation("Walk_1", "Walk/Walk_1.mp4", 2)
    refuse_labelled([Annotation("night/a", "night/a.mp4", NO_LABEL)], [walk])
    with pytest.raises(ValueError, match=r"'Walk/Walk_1\.mp4' is labelled, too, as 'Walk_1'"):
        refuse_labelled([Annotation("Walk/Walk_1", "Walk/Walk_1.mp4", NO_LABEL)], [walk])


def test_a_folder_is_not_divided_into_a_class_and_clips_without_labels(tmp_path):
    for path in ("Walk/a.mp4", "Run/b.mp4", "night/c.mp4", "night/d.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    with pytest.raises(
        ValueError, match=r"the folder of 'night/c\.mp4' also has 'night/d\.mp4', which is in no list"
    ):
        read_dataset(str(tmp_path), [{}], None, None, False, {"night/c.mp4"})


def test_a_link_within_the_folder_of_videos_stays_without_label(tmp_path):
    for path in ("Walk/a.mp4", "Run/b.mp4", "night/c.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "night/d.mp4").symlink_to("../Run/b.mp4")
    read = read_unlabelled(str(tmp_path), "night", False)
    apart = {annotation.path for annotation in read.videos.values()}
    assert apart == {"night/c.mp4", "night/d.mp4"}
    assert read_dataset(str(tmp_path), [{}], None, None, False, apart).classes == ["Run", "Walk"]


@pytest.mark.parametrize("spelling", ["Walk/e\u0301.avi", "Walk/\u00e9.MP4", "./Walk//\u00e9.mp4"])
def test_another_spelling_is_the_same_video(spelling, tmp_path):
    (tmp_path / "list.txt").write_text(f"{spelling}\n")
    videos = read_unlabelled("videos", str(tmp_path / "list.txt"), False).videos.values()
    with pytest.raises(ValueError, match="is labelled, too"):
        refuse_labelled(videos, [Annotation("Walk/\u00e9", "Walk/\u00e9.mp4", 0)])
    (tmp_path / "list.txt").write_text(f"Walk/\u00e9.mp4\n{spelling}\n")
    with pytest.raises(ValueError, match="is already in"):
        read_unlabelled("videos", str(tmp_path / "list.txt"), False)


def test_clips_whose_group_nobody_knows_are_counted():
    read = Unlabelled(dict.fromkeys(["night/anna_1", "night/x"]), {}, [])
    pattern = r"([a-z]+)_\d+$"
    (_, words), *others = unknown_groups(read, pattern, grouped=True)
    assert words.startswith("1 of 2 clips state no group, 'night/x' among them") and not others
    assert unknown_groups(read, None, grouped=False) == []
    assert (
        unknown_groups(read._replace(groups={"night/anna_1": "a", "night/x": "b"}), None, grouped=True) == []
    )


def test_two_videos_do_not_share_a_name():
    walk = Annotation("Walk_1", "Walk/Walk_1.mp4", 2)
    with pytest.raises(ValueError, match=r"'Walk_1\.mp4' and 'Walk/Walk_1\.mp4', .* both called 'Walk_1'"):
        refuse_labelled([Annotation("Walk_1", "Walk_1.mp4", NO_LABEL)], [walk])


@pytest.mark.parametrize("source", ["night", "night/", "./night", "night//"])
def test_a_folder_may_be_spelt_in_any_way(source, tmp_path):
    (tmp_path / "night").mkdir()
    (tmp_path / "night/a.mp4").touch()
    read = read_unlabelled(str(tmp_path), source, False)
    assert [annotation.path for annotation in read.videos.values()] == ["night/a.mp4"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "'nowhere' is neither a file nor a folder below"),
        ("/night", "must be a path below"),
        ("../n", "below"),
    ],
)
def test_a_source_that_is_not_there_is_named(source, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_unlabelled(str(tmp_path), source, False)


def test_groups_are_stated_or_in_the_name_or_each_its_own():
    names, pattern = ["Walk/Walk_7_1", "night/a", "Walk_8_1"], r"^[A-Za-z]+_(\d+)_\d+$"
    captured = {"Walk/Walk_7_1": "7", "night/a": "night/a", "Walk_8_1": "8"}
    assert groups_of_unlabelled(names, {}, pattern) == captured
    stated = dict(zip(names, "xyz", strict=True))
    assert groups_of_unlabelled(names, stated, pattern) == stated
    assert groups_of_unlabelled(names, {}, None) == {name: name for name in names}


SUBSETS = [
    {"video_id": "train", "group": "1", "frame_hash": "x", "subset": "train"},
    {"video_id": "val", "group": "2", "frame_hash": "y", "subset": "val"},
    {"video_id": "test", "group": "3", "frame_hash": "z", "subset": "test"},
]


def test_clips_of_training_groups_and_of_others_are_admitted():
    refuse_held_out(
        [{"video_id": "n", "group": g, "frame_hash": h} for g, h in (("1", "x"), ("9", "w"))], SUBSETS
    )


@pytest.mark.parametrize(
    ("group", "content", "message"),
    [
        ("3", "w", "'n' is of the group '3' of 'test', a test clip"),
        ("2", "w", "'n' is of the group '2' of 'val', a val clip"),
        ("9", "z", "'n' has the frames of 'test', a test clip"),
    ],
)
def test_clips_of_a_held_out_group_are_refused(group, content, message):
    with pytest.raises(ValueError, match=message):
        refuse_held_out([{"video_id": "n", "group": group, "frame_hash": content}], SUBSETS)


def test_a_pattern_captures_one_group():
    with pytest.raises(ValueError, match="must have exactly one bracket"):
        groups_of_unlabelled(["night/a_1"], {}, r"[a-z]+_\d+$")


def test_a_folder_that_is_a_link_out_is_named_with_the_reason(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.mp4").touch()
    (tmp_path / "videos/night").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        ValueError, match=r"night has no videos; night: skipped: a link that leaves the folder"
    ):
        read_unlabelled(str(tmp_path / "videos"), "night", False)
    assert list(read_unlabelled(str(tmp_path / "videos"), "night", True).videos) == ["night/a"]
