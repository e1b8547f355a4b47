"""Write Darkroom's annotation lists in the format of ARID v1.0: python data/darkroom/make_lists.py

A group is one person in one place at one time of day: GROUPS groups perform all CLASSES, CLIPS times each. A
split tests on TEST_GROUPS groups and trains on the others; the test groups of the two splits are disjoint.
The clips themselves are rendered from their names (ukdlib.darkroom.clip).
"""

from pathlib import Path

CLASSES = ("Drink", "Jump", "Pick", "Pour", "Push", "Run", "Sit", "Stand", "Turn", "Walk", "Wave")
GROUPS, CLIPS, TEST_GROUPS, SPLITS = 64, 1, 24, 2


def rows(groups: list[int]) -> list[str]:
    """`idx<TAB>label<TAB>Class/Class_group_clip.mp4` for every clip of some groups."""
    clips = [
        (label, name, g, c) for label, name in enumerate(CLASSES) for g in groups for c in range(1, CLIPS + 1)
    ]
    return [f"{i}\t{label}\t{name}/{name}_{g}_{c}.mp4\n" for i, (label, name, g, c) in enumerate(clips)]


def write_lists(folder: Path) -> None:
    """mapping_table.txt and split{0,1}_{train,test}.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = "".join(f"{label}\t{name}\n" for label, name in enumerate(CLASSES))
    (folder / "mapping_table.txt").write_text(mapping)
    for split in range(SPLITS):
        first = 1 + split * TEST_GROUPS
        test = list(range(first, first + TEST_GROUPS))
        train = [g for g in range(1, GROUPS + 1) if g not in test]
        (folder / f"split{split}_train.txt").write_text("".join(rows(train)))
        (folder / f"split{split}_test.txt").write_text("".join(rows(test)))


if __name__ == "__main__":
    write_lists(Path(__file__).parent / "list_cvt")
