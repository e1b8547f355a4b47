"""Impossible splits are refused before any video is decoded; unusual groups and classes are warned about."""

import pytest

from ukdlib.videos.annotations import Annotation
from ukdlib.videos.datasets import DataSet
from ukdlib.videos.split_checks import check_splits, class_warnings, group_warnings
from ukdlib.videos.splits import Held, Subset, assign_subsets, groups_of

CLASSES = ["Fall", "Walk"]
SHARE = Held(0.3)


def dataset(*splits: dict[str, list[str]]) -> DataSet:
    """Videos are called Class/group_clip."""
    read = [
        {part: [Annotation(v, f"{v}.mp4", CLASSES.index(v.split("/")[0])) for v in videos]
         for part, videos in split.items()}
        for split in splits
    ]  # fmt: skip
    videos = {a.video_id: a for split in read for part in split.values() for a in part}
    return DataSet(CLASSES, read, videos, {}, [], [])


def by_pattern(read: DataSet, pattern: str = r"([^/]+)_\d+$") -> dict[str, str]:
    return groups_of(list(read.videos), {}, pattern)


def both(*names: str) -> list[str]:
    return [f"{name}/{clip}" for name in CLASSES for clip in names]


@pytest.mark.parametrize(
    ("lists", "held"),
    [
        ({"all": both("a_1", "b_1")}, SHARE),
        ({"all": both("a_1", "b_1", "c_1")}, Held(0.3, validation=0.2)),
        ({"all": both("a_1", "b_1")}, Held(fold=0, of=2)),
        ({"train": both("a_1"), "test": both("b_1")}, Held()),
        ({"train": both("a_1"), "test": ["Walk/b_1"]}, Held()),
        ({"train": both("a_1", "b_1"), "test": both("c_1")}, Held(validation=0.2)),
        ({"train": both("a_1"), "val": both("b_1"), "test": both("c_1")}, Held(validation=0.2)),
    ],
)
def test_what_passes_can_be_made(lists, held):
    read = dataset(lists)
    check_splits(read, by_pattern(read), [held])
    labels = {video: annotation.label for video, annotation in read.videos.items()}
    assert assign_subsets(lists, labels, by_pattern(read), CLASSES, held)


IMPOSSIBLE = [
    ({"train": both("a_1"), "test": both("b_1", "a_1")}, Held(), "video 'Fall/a_1' is listed in train and in test"),
    ({"train": both("a_1"), "test": both("a_2")}, Held(), "group 'a' is in train (Fall/a_1) and in test (Fall/a_2)"),
    ({"train": both("a_1")}, Held(), "no video is in test; its lists have videos for train"),
    ({"val": both("a_1"), "test": both("b_1")}, Held(), "no video is in train; its lists have videos for val, test"),
    ({"all": [*both("a_1"), "Fall/b_1"]}, SHARE, "class 'Walk' has videos of the group 'a' only, but 2 groups are"),
    ({"all": [*both("a_1"), "Fall/b_1"]}, Held(fold=1, of=2), "class 'Walk' has videos of the group 'a' only"),
    ({"all": both("a_1", "b_1")}, Held(fold=0, of=3), "of is 3; it must lie between 2 and the number of groups, 2"),
    ({"all": both("a_1", "b_1")}, Held(0.3, validation=0.2), "of the groups 'a', 'b' only, but 3 groups are"),
    ({"train": both("a_1", "a_2"), "test": both("b_1")}, Held(validation=0.2), "whole ones are held out for valid"),
]  # fmt: skip


@pytest.mark.parametrize(("lists", "held", "complaint"), IMPOSSIBLE)
def test_an_impossible_split_is_refused_by_number_and_name(lists, held, complaint):
    good = {"train": both("a_1", "b_1"), "test": both("c_1")}
    read = dataset(good, lists)
    with pytest.raises(ValueError) as caught:
        check_splits(read, by_pattern(read), [Held(), held])
    assert str(caught.value).startswith("splits[1]: ") and complaint in str(caught.value)
    labels = {video: annotation.label for video, annotation in read.videos.items()}
    with pytest.raises(ValueError):  # it would also fail after all videos were decoded
        assign_subsets(lists, labels, by_pattern(read), CLASSES, held)


# ---------------------------------------------------------------- warnings

WITH_FOLDER, NAME_ALONE = r"^(.+)_\d+$", r"([^/]+)_\d+$"


def test_a_bracket_that_takes_the_class_into_the_group_is_warned_about():
    read = dataset({"all": both("anna_1", "anna_2", "ben_1")})
    [(place, warning)] = group_warnings(read, by_pattern(read, WITH_FOLDER))
    assert place == "group" and "'Fall/anna' and 'Walk/anna' count as two" in warning
    assert f"'{NAME_ALONE}' takes the name alone" in warning
    assert group_warnings(read, by_pattern(read, NAME_ALONE)) == []


def test_groups_of_other_names_in_each_class_are_in_order():
    """As in ARID's and UCF's names, which contain the class: without the folder the groups would be the same."""
    read = dataset({"all": ["Fall/Fall_1_1", "Fall/Fall_2_1", "Walk/Walk_1_1"]})
    assert group_warnings(read, by_pattern(read, WITH_FOLDER)) == []


def test_classes_that_cannot_be_learnt_are_warned_about():
    rows = [Subset("a", 0, "train", "a"), Subset("b", 0, "test", "b"), Subset("c", 1, "test", "c")]
    assert class_warnings(rows, [*CLASSES, "Wave"]) == [
        "class 'Walk' has test clips (1), but no training clips"
    ]
    assert class_warnings(rows[:2], CLASSES[:1]) == []
