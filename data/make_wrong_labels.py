"""Write lists of wrong labels for Darkroom's first training list: python data/make_wrong_labels.py

Such a list is a file of corrections (docs/knowledge.md) that corrects for the worse, so that one knows which labels are
wrong (config/wrong_labels.yaml). Split 0, 1, 2: 5, 10, 20 % of the clips get another class at random; 3, 4, 5: as
many get the class that is most like their own. Which clips, and which classes, is drawn from the clips' names alone, so
that the clips of a smaller share are among those of a larger one.
"""

import hashlib
from pathlib import Path

SHARES = (0.05, 0.1, 0.2)
# two movements of the same limbs in one course or the reverse, or one quicker than the other
LIKE = {
    "Drink": "Wave",
    "Jump": "Stand",
    "Pick": "Sit",
    "Pour": "Drink",
    "Push": "Pour",
    "Run": "Walk",
    "Sit": "Stand",
    "Stand": "Sit",
    "Turn": "Walk",
    "Walk": "Run",
    "Wave": "Drink",
}


def drawn(*words: str) -> float:
    """A number in [0, 1) that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:6], "big") / 2**48


def wrong_labels(videos: list[str], share: float, similar: bool) -> dict[str, str]:
    """Video -> wrong class of a share of the videos, each Class_group_clip."""
    kind = "similar" if similar else "random"
    chosen = sorted(videos, key=lambda video: drawn(kind, video))[: round(share * len(videos))]
    wrong = {}
    for video in sorted(chosen):
        label = video.split("_")[0]
        others = [name for name in LIKE if name != label]
        wrong[video] = LIKE[label] if similar else others[int(drawn("class", video) * len(others))]
    return wrong


def write_lists(folder: Path, listing: Path) -> None:
    """split{0, 1, ..}.csv for the clips of a list."""
    videos = [Path(line.split("\t")[2]).stem for line in listing.read_text().splitlines()]
    arms = [(share, similar) for similar in (False, True) for share in SHARES]
    folder.mkdir(parents=True, exist_ok=True)
    for split, arm in enumerate(arms):
        rows = "".join(f"{video},{name}\n" for video, name in wrong_labels(videos, *arm).items())
        (folder / f"split{split}.csv").write_text(f"video_id,class\n{rows}")


if __name__ == "__main__":
    data = Path(__file__).parent / "darkroom"
    write_lists(data / "wrong_labels", data / "list_cvt/split0_train.txt")
