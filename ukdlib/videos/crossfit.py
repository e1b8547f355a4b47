"""
Out-of-fold knowledge: a teacher predicts only videos that it was not trained on (cross-fitting).

The training videos are divided into n folds, no group in two of them. A network for each fold learns from the
other folds and predicts its own. What a network was trained on is recorded as a hash of the videos' names, so the
gathered file itself proves that no row leaks: see check_unseen.
"""

import random
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from ukdlib.artifacts.provenance import videos_hash


def assign_folds(
    labels: Sequence[Hashable], groups: Sequence[str], count: int, seed: int, setting: str = "crossfit"
) -> list[int]:
    """
    A fold 0 .. count - 1 for each clip: whole groups, each class spread as evenly as the search found.

    labels, groups: (N,), class and group of each clip; setting: the key of `count` in the configuration.
    The largest groups are placed first, each where the sum over classes of squared counts grows least.
    Deterministic. Raises ValueError if some class would be missing in a network's training, that is, if all
    its clips came into one fold.
    """
    if count < 2 or count > len(set(groups)):
        raise ValueError(
            f"{setting} is {count}; it must lie between 2 and the number of groups, {len(set(groups))}"
        )
    members: dict[str, Counter] = {group: Counter() for group in sorted(set(groups))}
    for label, group in zip(labels, groups, strict=True):
        members[group][label] += 1
    order = list(members)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda group: -members[group].total())
    folds: list[Counter] = [Counter() for _ in range(count)]
    place = {}
    for group in order:
        fold = min(range(count), key=lambda k: (_growth(folds[k], members[group]), folds[k].total(), k))
        place[group] = fold
        folds[fold].update(members[group])
    for label in dict.fromkeys(labels):
        having = [k for k, counts in enumerate(folds) if counts[label]]
        if len(having) == 1:
            raise ValueError(
                f"class {label!r} has clips in fold {having[0]} only; with too few groups, lower `{setting}`"
            )
    return [place[group] for group in groups]


def _growth(fold: Counter, group: Counter) -> int:
    """By how much the sum of squared class counts grows when the group joins the fold."""
    return sum((fold[label] + count) ** 2 - fold[label] ** 2 for label, count in group.items())


def check_unseen(place: str, video_ids: np.ndarray, folds: np.ndarray, trained_on: dict[str, str]) -> None:
    """
    Refuse logits (video_ids, folds: (N,)) of videos that their network was trained on.

    trained_on: fold -> videos_hash of what its network was trained on. A row is clean if that is exactly the
    set of videos outside its fold.
    """
    for fold in np.unique(folds):
        others = videos_hash(video_ids[folds != fold])
        stated = trained_on.get(str(fold), "unknown")
        if stated != others:
            example = str(video_ids[folds == fold][0])
            raise ValueError(
                f"{place}: leak: the network of fold {fold} was trained on the videos {stated}, not on those "
                f"outside its fold ({others}); its logits, such as those of {example!r}, may be of training videos"
            )
