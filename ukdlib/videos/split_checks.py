"""
Checks of splits, without a search: before any video is decoded, and after inspection.

The workflow calls them when it is parsed, so an impossible split stops it there, with the names of the classes.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from ukdlib.videos.annotations import Annotation
from ukdlib.videos.datasets import DataSet
from ukdlib.videos.splits import Held, Subset

Lists = dict[str, list[Annotation]]  # part -> its videos


def check_splits(dataset: DataSet, groups: dict[str, str], held: Sequence[Held]) -> None:
    """
    Raise ValueError with the number of the first split that is impossible, whichever videos turn out usable.

    groups: of each video; held: what is held out in each split.
    """
    for number, (lists, chosen) in enumerate(zip(dataset.splits, held, strict=True)):
        try:
            _check_lists(lists, groups)
            _check_groups(lists, groups, dataset.classes, chosen)
        except ValueError as error:
            raise ValueError(f"splits[{number}]: {error}") from None


def _check_lists(lists: Lists, groups: dict[str, str]) -> None:
    """Check that there are training and test videos, and no video and no group in two lists."""
    for part in () if "all" in lists else ("train", "test"):
        if not lists.get(part):
            raise ValueError(
                f"no video is in {part}; its lists have videos for {', '.join(lists) or 'nothing'}, "
                "but train and test are needed, or test_share or fold to hold out a test set"
            )
    for one, other in combinations(lists, 2):
        videos = [{a.video_id for a in lists[part]} for part in (one, other)]
        if twice := min(videos[0] & videos[1], default=None):
            raise ValueError(f"video {twice!r} is listed in {one} and in {other}")
        shared = min({groups[v] for v in videos[0]} & {groups[v] for v in videos[1]}, default=None)
        if shared is not None:
            first, second = (min(v for v in part if groups[v] == shared) for part in videos)
            raise ValueError(
                f"group {shared!r} is in {one} ({first}) and in {other} ({second}); "
                "a group is a person in a scene and must be in one list only"
            )


def _check_groups(lists: Lists, groups: dict[str, str], classes: Sequence[str], held: Held) -> None:
    """Check that each class has enough groups for every part that whole groups are held out for."""
    parts = ["test"] * ("all" in lists) + ["validation"] * (held.validation > 0 and "val" not in lists)
    pool = lists["all"] if "all" in lists else lists["train"]
    of_class: dict[int, set[str]] = {}  # label -> its groups
    for video, _, label in pool:
        of_class.setdefault(label, set()).add(groups[video])
    total = len(set().union(*of_class.values()))
    if held.fold is not None and "all" in lists and (held.of or 0) > total:
        raise ValueError(f"of is {held.of}; it must lie between 2 and the number of groups, {total}")
    # a class need not be in every fold, so with folds two groups may be enough
    needed = 2 if parts and held.fold is not None else 1 + len(parts)
    for label, names in sorted(of_class.items()):
        if len(names) < needed:
            raise ValueError(
                f"class {classes[label]!r} has videos of {'the groups' if len(names) > 1 else 'the group'} "
                f"{', '.join(map(repr, sorted(names)))} only, but {needed} groups are needed: "
                f"whole ones are held out for {' and for '.join(parts)}"
            )


def group_warnings(dataset: DataSet, groups: dict[str, str]) -> list[tuple[str, str]]:
    """
    (key, warning) if groups extracted from names contain the first folder, the class, so that no group is shared.

    That is unusual only if the same name is in the folders of two classes. groups: of each video.
    """
    labels: dict[str, int] = {}
    first: dict[str, str] = {}  # name without the folder -> a group of this name
    for video, annotation in dataset.videos.items():
        group = groups[video]
        folder, _, name = group.partition("/")
        if labels.setdefault(group, annotation.label) != annotation.label:
            return []
        if not name or folder != video.partition("/")[0]:
            return []
        first.setdefault(name, group)
    twins = ((first[group.partition("/")[2]], group) for group in labels)
    pair = next((pair for pair in twins if labels[pair[0]] != labels[pair[1]]), None)
    if pair is None:
        return []
    return [
        (
            "group",
            f"every group is in one class, since the bracket also takes the folder: {pair[0]!r} and {pair[1]!r} "
            r"count as two, so one may be in training and the other in test; '([^/]+)_\d+$' takes the name alone",
        )
    ]


def class_warnings(subsets: Sequence[Subset], classes: Sequence[str]) -> list[str]:
    """Classes of one split that cannot be learnt: in the test set, but not in training."""
    parts = {part: Counter(row.label for row in subsets if row.subset == part) for part in ("train", "test")}
    return [
        f"class {classes[label]!r} has test clips ({count}), but no training clips"
        for label, count in sorted(parts["test"].items())
        if not parts["train"][label]
    ]
