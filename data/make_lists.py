"""Write the annotation lists of the rendered data sets in the format of ARID v1.0: python data/make_lists.py

A group is one person in one place at one time of day, who performs all CLASSES. The clips themselves are rendered from
their names (ukdlib.darkroom.clip).

Darkroom: a split tests on TEST_GROUPS of its GROUPS groups and trains on the others; the test groups of the two splits
are disjoint. UNLABELLED_GROUPS more are night footage that nobody has labelled: their list names paths only, and what
these paths say of the action is read by nothing but the renderer.

Daylight: one split; its groups are of another seed, so that it shares nobody and no place with Darkroom.
"""

from collections.abc import Sequence
from pathlib import Path

CLASSES = ("Drink", "Jump", "Pick", "Pour", "Push", "Run", "Sit", "Stand", "Turn", "Walk", "Wave")
GROUPS, TEST_GROUPS, SPLITS = 64, 24, 2
UNLABELLED_GROUPS = 90
DAYLIGHT_GROUPS, DAYLIGHT_TEST_GROUPS = 260, 26


def clips(groups: Sequence[int]) -> list[tuple[int, str]]:
    """(label, Class/Class_group_1.mp4) of every clip of some groups."""
    return [(label, f"{name}/{name}_{g}_1.mp4") for label, name in enumerate(CLASSES) for g in groups]


def rows(groups: Sequence[int]) -> str:
    """`idx<TAB>label<TAB>path` for every clip of some groups."""
    return "".join(f"{i}\t{label}\t{path}\n" for i, (label, path) in enumerate(clips(groups)))


def write_lists(folder: Path, groups: int, test_groups: int, splits: int) -> None:
    """mapping_table.txt and split{0, 1, ..}_{train,test}.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = "".join(f"{label}\t{name}\n" for label, name in enumerate(CLASSES))
    (folder / "mapping_table.txt").write_text(mapping)
    for split in range(splits):
        first = 1 + split * test_groups
        test = range(first, first + test_groups)
        train = [g for g in range(1, groups + 1) if g not in test]
        (folder / f"split{split}_train.txt").write_text(rows(train))
        (folder / f"split{split}_test.txt").write_text(rows(test))


if __name__ == "__main__":
    data = Path(__file__).parent
    write_lists(data / "darkroom/list_cvt", GROUPS, TEST_GROUPS, SPLITS)
    unlabelled = clips(range(GROUPS + 1, GROUPS + 1 + UNLABELLED_GROUPS))
    (data / "darkroom/list_cvt/unlabelled.txt").write_text("".join(f"{path}\n" for _, path in unlabelled))
    write_lists(data / "daylight/list_cvt", DAYLIGHT_GROUPS, DAYLIGHT_TEST_GROUPS, 1)
