"""
What a data set consists of, from its lists or folders: videos, labels, groups, the lists of each split.

Standard library only: the workflow reads it when it is parsed, each list once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ukdlib.annotations import Annotation, by_video, read_classes, read_list
from ukdlib.folders import find_videos
from ukdlib.listing import Listing, is_table, list_folders, not_listed, read_table

PARTS = ("train", "val", "test", "all", "other")  # keys of a split that name a list
TEST_SHARE = 0.3  # where neither the split nor its list says anything


class DataSet(NamedTuple):
    """
    classes: names by number; splits: [part -> annotations], parts {train, test[, val]} or {all}, of which the test
    is held out; videos: of all splits, by name; groups: stated by a list; remarks: (video or place, what is odd).
    """

    classes: list[str]
    splits: list[dict[str, list[Annotation]]]
    videos: dict[str, Annotation]
    groups: dict[str, str]
    remarks: list[tuple[str, str]]


def read_dataset(
    folder: str, splits: Sequence[dict], classes: str | None, listing: str | None, links_out: bool
) -> DataSet:
    """
    Read all lists of a data set; its folder is looked through for classes, and for videos that no list names.

    splits: as in the configuration; classes, listing: files, or None. Raises ValueError with file and line.
    """
    names = read_classes(classes) if classes else None
    remarks: list[tuple[str, str]] = []
    base = _base(folder, listing, names, links_out, remarks) if any(map(_uses_base, splits)) else None
    names = base.classes if base else names or _labels_of_all(splits)
    tables = [_lists(split, base, names) for split in splits]
    groups = dict(base.groups) if base else {}
    for table in tables:
        for read in table.values():
            groups |= read.groups
    read_splits = [{part: read.annotations for part, read in table.items()} for table in tables]
    remarks += _unexpected(splits, read_splits)
    videos = by_video(v for table in read_splits for part, v in table.items() if part != "other")
    used = [{part: v for part, v in table.items() if part != "other"} for table in read_splits]
    if names is None or len(names) < 2:
        raise ValueError(
            f"there is only the class {', '.join(names or [])}; two at least are to be told apart"
        )
    return DataSet(names, used, videos, groups, remarks)


def unlisted(
    folder: str, dataset: DataSet, others: Sequence[Annotation], links_out: bool
) -> list[tuple[str, str]]:
    """Remarks on the video files below `folder` that no list names, `others` included."""
    found = find_videos(folder, links_out)
    missing = not_listed([*dataset.videos.values(), *others], found.paths)
    return [*found.remarks, *((path, "in the folder, but in no list") for path in missing)]


def others_of(splits: Sequence[dict], classes: str | None) -> list[Annotation]:
    """The videos of the lists `other`, which no split uses."""
    names = read_classes(classes) if classes else None
    return [a for split in splits if "other" in split for a in _read(split["other"], names).annotations]


def _uses_base(split: dict) -> bool:
    return not any(part in split for part in PARTS)


def _base(
    folder: str, listing: str | None, names: list[str] | None, links_out: bool, remarks: list[tuple[str, str]]
) -> Listing:
    """The data set's one list, or its folders."""
    if listing:
        return _read(listing, names)
    found = find_videos(folder, links_out)
    read, left_out = list_folders(found.paths, names)
    remarks += [*found.remarks, *left_out]
    if not read.annotations:
        raise ValueError(
            f"{folder} has no folder with videos in it; a folder for each class is expected, or a list"
        )
    return read


def _lists(split: dict, base: Listing | None, names: list[str] | None) -> dict[str, Listing]:
    """Part -> its videos, of one split."""
    if not _uses_base(split):
        return {part: _read(split[part], names) for part in PARTS if part in split}
    assert base is not None
    if base.subsets and not {"test_share", "fold"} & set(split):
        parts = [part for part in ("train", "val", "test") if part in base.subsets.values()]
        return {part: _part(base, part) for part in parts}
    return {"all": base}


def _labels_of_all(splits: Sequence[dict]) -> list[str] | None:
    """The labels in the splits' own lists, so that all of them number the classes alike; None if they are numbers."""
    paths = dict.fromkeys(split[part] for split in splits for part in PARTS if part in split)
    return sorted({label for path in paths if is_table(path) for label in read_table(path).classes}) or None


def _part(base: Listing, part: str) -> Listing:
    chosen = [a for a in base.annotations if base.subsets[a.video_id] == part]
    return base._replace(annotations=chosen)


def _read(path: str, names: list[str] | None) -> Listing:
    if is_table(path):
        return read_table(path, names)
    if names is None:
        raise ValueError(f"{path}: its labels are numbers; `classes` must name the table of their names")
    return Listing(names, read_list(path, names), {}, {})


def _unexpected(
    splits: Sequence[dict], tables: Sequence[dict[str, list[Annotation]]]
) -> list[tuple[str, str]]:
    """Lists that are not as long as their `expected` number."""
    return [
        (split[part], f"names {len(table[part])} videos; {count} were expected")
        for split, table in zip(splits, tables, strict=True)
        for part, count in split.get("expected", {}).items()
        if part in table and len(table[part]) != count
    ]
