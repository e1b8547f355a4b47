"""
Which videos of a split are for training, validation and test: by given lists, or by groups held out here.

A group is one person in one scene. It is never in two subsets, or the scene would give the class away.
"""

import random
import re
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple

from ukdlib.videos.crossfit import assign_folds

STARTS = 50  # random starts of the search for groups to hold out
SEARCHED = 100_000  # groups in all starts together: with many groups a good choice is found at once
ONE_SIDED = 1e6  # distance of a class with no clip on one side: more than all shares together

Counts = dict[str, Counter]  # group -> class -> number of clips


class Subset(NamedTuple):
    """The subset of a video in one split: train, val or test; unknown or left_out (set_apart)."""

    video_id: str
    label: int
    subset: str
    group: str


class Held(NamedTuple):
    """What is held out here, where lists do not state it: a share for the test, or fold `fold` of `of`; validation."""

    test_share: float | None = None
    fold: int | None = None
    of: int | None = None
    validation: float = 0.0  # share of each class's training videos, 0 = none
    seed: int = 0
    number: int = 0  # of the split

    @property
    def split_seed(self) -> str:
        """Seed of a test share: each split's own, so that repeated splits differ; folds must share theirs."""
        return f"{self.seed}/{self.number}"


NOTHING = Held()


def set_apart(rows: Sequence[Subset], unknown: Collection[int]) -> list[Subset]:
    """
    The same rows, but that no network is trained or tested on the classes `unknown`.

    Their test videos become the subset `unknown`, by which one sees whether networks notice what they were never
    taught; all others of them are `left_out`. ValueError if fewer than two classes are left.
    """
    if len({row.label for row in rows} - set(unknown)) < 2:
        raise ValueError(f"with {len(unknown)} classes unknown, fewer than two are left")
    moved = {"test": "unknown"}
    return [
        row._replace(subset=moved.get(row.subset, "left_out")) if row.label in unknown else row
        for row in rows
    ]


def assign_subsets(
    videos: dict[str, list[str]],
    labels: dict[str, int],
    groups: dict[str, str],
    classes: Sequence[str],
    held: Held = NOTHING,
) -> list[Subset]:
    """
    Train, val and test of one split, no group in two of them, sorted by video.

    videos: ids by list, {"train", "test"}, perhaps with "val", or {"all"}, of which whole groups are held out;
    labels: of all usable videos, others are skipped; groups: of each video, see groups_of; classes: names by number.
    """
    parts = _part_of_each(videos, labels)
    groups = {video: groups[video] for video in parts}
    names = {video: classes[labels[video]] for video in parts}
    if "all" in videos:
        parts = dict.fromkeys(parts, "train")
        if held.fold is None:
            _hold_out("test", held, parts, names, groups)
        else:
            _hold_fold(held, parts, names, groups)
    if held.validation > 0 and "val" not in videos:
        _hold_out("val", held, parts, names, groups)
    _refuse_shared_groups(parts, groups)
    missing = sorted({"train", "test"} - set(parts.values()))
    if missing:
        raise ValueError(f"none of the {len(parts)} usable videos is in {missing[0]}")
    return [Subset(video, labels[video], parts[video], groups[video]) for video in sorted(parts)]


def _part_of_each(videos: dict[str, list[str]], labels: dict[str, int]) -> dict[str, str]:
    """List that each usable video is in."""
    parts: dict[str, str] = {}
    for part, ids in videos.items():
        for video in ids:
            if parts.get(video, part) != part:
                raise ValueError(f"video {video} is listed in {parts[video]} and in {part}")
            if video in labels:
                parts[video] = part
    return parts


def _hold_out(
    target: str, held: Held, parts: dict[str, str], names: dict[str, str], groups: dict[str, str]
) -> None:
    """Move a share of the training videos, in whole groups, to the part `target`; names: the videos' classes."""
    train = sorted(video for video, part in parts.items() if part == "train")
    clips = [names[v] for v in train], [groups[v] for v in train]
    test = target == "test"
    share, seed = (held.test_share or 0.0, held.split_seed) if test else (held.validation, held.seed)
    try:
        chosen = split_by_group(*clips, share, seed, random_ties=test)
    except ValueError as error:
        raise ValueError(f"cannot hold out {share:.0%} for {target}: {error}") from None
    parts.update({video: target for video in train if groups[video] in chosen})


def _hold_fold(held: Held, parts: dict[str, str], names: dict[str, str], groups: dict[str, str]) -> None:
    """Move one of `of` folds to the test set; over all folds each video is tested once."""
    videos = sorted(parts)
    clips = [names[v] for v in videos], [groups[v] for v in videos]
    try:
        folds = assign_folds(*clips, held.of or 0, held.seed, "of")
    except ValueError as error:
        raise ValueError(f"cannot test fold {held.fold} of {held.of}: {error}") from None
    parts.update({video: "test" for video, fold in zip(videos, folds, strict=True) if fold == held.fold})


def split_by_group(
    labels: Sequence[Hashable],
    groups: Sequence[str],
    share: float,
    seed: int | str,
    random_ties: bool = False,
) -> set[str]:
    """
    Groups to hold out: clips of each class on both sides, its held-out share as close to `share` as the search found.

    labels, groups: (N,), class and group of each clip. Deterministic: from some random choices drawn with `seed`,
    one group at a time changes sides while that reduces the sum over classes of (held-out share - share) squared.
    random_ties: of equally good choices take the one found first, else the one whose groups come first by name.
    """
    if not 0 < share < 1:
        raise ValueError(f"held-out share is {share}; it must lie between 0 and 1")
    counts: Counts = {group: Counter() for group in sorted(set(groups))}
    for label, group in zip(labels, groups, strict=True):
        counts[group][label] += 1
    totals = Counter(labels)
    rng = random.Random(seed)
    starts = max(1, min(STARTS, SEARCHED // len(counts)))
    found = [_climb(counts, totals, share, rng) for _ in range(starts)]
    # by name: how the validation groups of docs/results.md were chosen; rounding: or rounding errors would decide
    distance, held = min(found, key=lambda choice: round(choice[0], 9)) if random_ties else min(found)
    if distance >= ONE_SIDED:
        raise ValueError(_why_impossible(counts, totals))
    return set(held)


def _climb(counts: Counts, totals: Counter, share: float, rng: random.Random) -> tuple[float, list[str]]:
    """(distance, groups held out) at the end of one hill climb from a random choice."""

    def distance(label: Hashable, held: int) -> float:
        """Distance from its share of a class with so many clips held out."""
        return ONE_SIDED if held in (0, totals[label]) else (held / totals[label] - share) ** 2

    order = list(counts)
    held = {group for group in order if rng.random() < share}
    inside: Counter = sum((counts[group] for group in sorted(held)), Counter())
    climbing = True
    while climbing:
        climbing = False
        rng.shuffle(order)
        for group in order:
            sign = -1 if group in held else 1
            moved = {label: inside[label] + sign * count for label, count in counts[group].items()}
            gain = sum(
                distance(label, inside[label]) - distance(label, count) for label, count in moved.items()
            )
            if gain > 1e-12:  # rounding alone must not move a group back and forth forever
                inside.update({label: count - inside[label] for label, count in moved.items()})
                held ^= {group}
                climbing = True
    return sum(distance(label, inside[label]) for label in totals), sorted(held)


def _why_impossible(counts: Counts, totals: Counter) -> str:
    for label in totals:
        having = [group for group, count in counts.items() if count[label]]
        if len(having) == 1:
            return f"class {label!r} has clips of group {having[0]!r} only, so it cannot be on both sides of a split"
    return (
        f"no choice among {len(counts)} groups was found that leaves every class on both sides of the split"
    )


def _refuse_shared_groups(parts: dict[str, str], groups: dict[str, str]) -> None:
    """A group is a person in a scene: seen in training, it would give the class away in the test."""
    first: dict[str, str] = {}
    for video, part in sorted(parts.items()):
        other = first.setdefault(groups[video], video)
        if parts[other] != part:
            raise ValueError(f"group {groups[video]} is in {parts[other]} ({other}) and in {part} ({video})")


def groups_of(videos: Sequence[str], stated: dict[str, str], pattern: str | None) -> dict[str, str]:
    """Video -> group: the one its list states, or extracted from its name, or, if neither is known, itself."""
    if stated:
        lacking = next((video for video in videos if video not in stated), None)
        if lacking is not None:
            raise ValueError(
                f"video {lacking!r} has no group in its list, but others have; give a group to all of them, or to none"
            )
        return {video: stated[video] for video in videos}
    return {video: group_of(video, pattern) if pattern else video for video in videos}


def leaks(subsets: Sequence[Subset], frame_hashes: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """(video, subset, other video, its subset) for videos with the same frames in two subsets of a split."""
    first: dict[str, Subset] = {}
    found = []
    for row in subsets:
        other = first.setdefault(frame_hashes[row.video_id], row)
        if other.subset != row.subset:
            found.append((other.video_id, other.subset, row.video_id, row.subset))
    return found


def group_of(video_id: str, pattern: str) -> str:
    """The group that the one bracket of the regular expression `pattern` captures in the video's name."""
    check_pattern(pattern)
    match = re.search(pattern, video_id)
    if match is None or not match[1]:
        raise ValueError(f"video {video_id!r} has no group: its name does not match {pattern!r}")
    return match[1]


def check_pattern(pattern: str) -> None:
    """ValueError unless the regular expression has exactly one bracket, which captures the group."""
    if re.compile(pattern).groups != 1:
        raise ValueError(f"group pattern {pattern!r} must have exactly one bracket")
