"""
The content of a data set, from its lists or folders: videos, labels, groups, the lists of each split.

Standard library only: the workflow reads it when it is parsed, each list once.
"""

import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ukdlib.videos.annotations import Annotation, by_video, read_classes, read_list, read_text
from ukdlib.videos.folders import find_videos, reasons
from ukdlib.videos.listing import (
    Listing,
    is_table,
    list_folders,
    not_listed,
    one_spelling,
    read_table,
)

PARTS = ("train", "val", "test", "all", "other")  # keys of a split that name a list
TEST_SHARE = 0.3  # if neither the split nor its list states one


class DataSet(NamedTuple):
    """
    classes: names by number; splits: [part -> annotations], parts {train, test[, val]} or {all}, of which the test set
    is held out; videos: of all splits, by name; groups: stated by a list; warnings: (video, file or key, warning);
    others: paths that a list's column subset marks as `other`.
    """

    classes: list[str]
    splits: list[dict[str, list[Annotation]]]
    videos: dict[str, Annotation]
    groups: dict[str, str]
    warnings: list[tuple[str, str]]
    others: list[str]


def read_dataset(
    folder: str,
    splits: Sequence[dict],
    classes: str | None,
    listing: str | None,
    links_out: bool,
    apart: Collection[str] = (),
) -> DataSet:
    """
    Read all lists of a data set; its folder is searched for classes, and for videos that no list names.

    splits: as in the configuration; classes, listing: files, or None; apart: paths in the folder to ignore, since they
    have no label. Raises ValueError with file and line.
    """
    names = read_classes(classes) if classes else None
    warnings: list[tuple[str, str]] = []
    search = folder, links_out, apart
    base = _base(search, listing, names, warnings) if any(map(_uses_base, splits)) else None
    names = base.classes if base else names or _labels_of_all(splits)
    tables = [_lists(split, base, names, listing or folder) for split in splits]
    lists = [*([base] if base else []), *(read for table in tables for read in table.values())]
    groups = {video: group for read in lists for video, group in read.groups.items()}
    read_splits = [{part: read.annotations for part, read in table.items()} for table in tables]
    warnings += _unexpected(splits, read_splits)
    videos = by_video(v for table in read_splits for part, v in table.items() if part != "other")
    used = [{part: v for part, v in table.items() if part != "other"} for table in read_splits]
    if names is None or len(names) < 2:
        raise ValueError(f"there is only the class {', '.join(names or [])}; at least two are needed")
    warnings += [*_alike(names), *_without_video(names, videos), *_never_trained(names, used)]
    others = sorted({path for read in lists for path in read.others})
    return DataSet(names, used, videos, groups, warnings, others)


def unlisted(
    folder: str, dataset: DataSet, others: Sequence[Annotation], links_out: bool
) -> list[tuple[str, str]]:
    """Warnings about the video files below `folder` that no list names, `others` included."""
    found = find_videos(folder, links_out)
    listed = [annotation.path for annotation in (*dataset.videos.values(), *others)]
    missing = not_listed([*listed, *dataset.others], found.paths)
    return [*found.warnings, *((path, "in the folder, but in no list") for path in missing)]


def others_of(splits: Sequence[dict], classes: str | None) -> list[Annotation]:
    """The videos of the lists `other`, which no split uses."""
    names = read_classes(classes) if classes else None
    return [a for split in splits if "other" in split for a in _read(split["other"], names).annotations]


def _uses_base(split: dict) -> bool:
    return not any(part in split for part in PARTS)


def _base(
    search: tuple[str, bool, Collection[str]],
    listing: str | None,
    names: list[str] | None,
    warnings: list[tuple[str, str]],
) -> Listing:
    """The data set's one list, or its folders; search: (folder, links_out, apart)."""
    if listing:
        return _read(listing, names)
    folder, links_out, apart = search
    found = find_videos(folder, links_out)
    names_apart = {one_spelling(path) for path in apart}
    labelled = [path for path in found.paths if one_spelling(path) not in names_apart]
    _refuse_divided(labelled, apart)
    read, skipped = list_folders(labelled, names)
    warnings += [*found.warnings, *skipped]
    if not read.annotations:
        raise ValueError(
            f"{folder} has no folder with videos in it; a folder for each class is expected, or a list"
            + reasons(warnings)
        )
    return read


def _refuse_divided(labelled: Sequence[str], apart: Collection[str]) -> None:
    """A folder that has clips without label and others: the others would make it a class."""
    folders = {path.partition("/")[0]: path for path in apart if "/" in path}
    for path in labelled:
        if other := folders.get(path.partition("/")[0]):
            raise ValueError(
                f"unlabelled: the folder of {other!r} also has {path!r}, which is in no list, so the folder would be a "
                "class; move one of them to another folder, or list the labelled videos (`list`)"
            )


def _lists(split: dict, base: Listing | None, names: list[str] | None, source: str) -> dict[str, Listing]:
    """Part -> its videos, of one split. source: the data set's list or folder, which base is of."""
    if not _uses_base(split):
        lists = {part: _read(split[part], names) for part in PARTS if part in split}
        if "all" in lists:
            _refuse_two_ways(split, lists["all"], split["all"])
        return lists
    assert base is not None
    _refuse_two_ways(split, base, source)
    if base.subsets:
        parts = [part for part in ("train", "val", "test") if part in base.subsets.values()]
        return {part: _part(base, part) for part in parts}
    return {"all": base}


def _refuse_two_ways(split: dict, read: Listing, source: str) -> None:
    """A list that states subsets itself leaves nothing to be split."""
    given = [f"{key}: {split[key]}" for key in ("test_share", "fold", "all") if key in split]
    if read.subsets and given and os.path.isfile(source):
        raise ValueError(
            f"{source} has a column subset, but the split has {given[0]}; "
            "use `splits: [{}]` to take the column of a `list`, or drop the column"
        )
    if read.subsets and given:
        raise ValueError(
            f"{source} has folders train and test, but the split has {given[0]}; "
            "use `splits: [{}]` to take the folders, or move those of the classes up"
        )


def _labels_of_all(splits: Sequence[dict]) -> list[str] | None:
    """The labels in the splits' own lists, so that all number the classes the same way; None if they are numbers."""
    paths = dict.fromkeys(split[part] for split in splits for part in PARTS if part in split)
    return sorted({label for path in paths if is_table(path) for label in read_table(path).classes}) or None


def _part(base: Listing, part: str) -> Listing:
    chosen = [a for a in base.annotations if base.subsets[a.video_id] == part]
    return base._replace(annotations=chosen)


def _read(path: str, names: list[str] | None) -> Listing:
    if is_table(path):
        return read_table(path, names)
    if not read_text(path).strip():
        raise ValueError(f"{path}: lists no videos")
    if names is None:
        raise ValueError(f"{path}: its labels are numbers; `classes` must name the table of their names")
    return Listing(names, read_list(path, names), {}, {}, [])


def _alike(names: Sequence[str]) -> list[tuple[str, str]]:
    """Classes that may be the same, spelt in two ways."""
    first: dict[str, str] = {}
    pairs = [(name, first.setdefault(name.strip().casefold(), name)) for name in names]
    return [
        (f"class {name!r}", f"differs from class {other!r} only in letter case or surrounding spaces")
        for name, other in pairs
        if name != other
    ]


def _without_video(names: Sequence[str], videos: dict[str, Annotation]) -> list[tuple[str, str]]:
    there = {annotation.label for annotation in videos.values()}
    return [(f"class {name!r}", "no video has it") for label, name in enumerate(names) if label not in there]


def _never_trained(
    names: Sequence[str], splits: Sequence[dict[str, list[Annotation]]]
) -> list[tuple[str, str]]:
    """Classes that a split's lists have only in the test set."""
    warnings = []
    for number, split in enumerate(splits):
        if "train" in split and "test" in split:
            labels = {part: {annotation.label for annotation in split[part]} for part in ("train", "test")}
            problem = "has test videos but no training videos"
            missing = sorted(labels["test"] - labels["train"])
            warnings += [(f"split {number}", f"class {names[label]!r} {problem}") for label in missing]
    return warnings


def _unexpected(
    splits: Sequence[dict], tables: Sequence[dict[str, list[Annotation]]]
) -> list[tuple[str, str]]:
    """Lists whose length is not their `expected` number."""
    return [
        (split[part], f"lists {len(table[part])} videos; {count} were expected")
        for split, table in zip(splits, tables, strict=True)
        for part, count in split.get("expected", {}).items()
        if part in table and len(table[part]) != count
    ]
