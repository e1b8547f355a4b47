"""Folds for out-of-fold knowledge: whole groups, even classes, and a hash of the training videos."""

from collections import Counter

import numpy as np
import pytest

from ukdlib.videos.crossfit import assign_folds, check_unseen, videos_hash

# 24 groups of one to five clips each, of three classes
random = np.random.default_rng(0)
GROUPS = [f"g{g:02d}" for g in np.repeat(np.arange(24), random.integers(1, 6, 24))]
LABELS = random.integers(3, size=len(GROUPS)).tolist()


@pytest.mark.parametrize("count", [2, 3, 5, 24])
def test_folds_part_the_clips_by_whole_groups(count):
    folds = assign_folds(LABELS, GROUPS, count, seed=0)
    assert len(folds) == len(GROUPS)
    assert set(folds) == set(range(count))
    assert len({(group, fold) for group, fold in zip(GROUPS, folds, strict=True)}) == 24


def test_folds_depend_on_the_seed_and_on_nothing_else():
    folds = assign_folds(LABELS, GROUPS, 3, seed=0)
    assert folds == assign_folds(LABELS, GROUPS, 3, seed=0)
    assert folds != assign_folds(LABELS, GROUPS, 3, seed=1)
    order = random.permutation(len(GROUPS))
    shuffled = assign_folds([LABELS[i] for i in order], [GROUPS[i] for i in order], 3, seed=0)
    assert shuffled == [folds[i] for i in order]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_class", [6, 7])
def test_classes_are_spread_evenly_over_equal_groups(seed, per_class):
    labels = [label for label in range(4) for _ in range(per_class)]  # every clip is a group
    folds = assign_folds(labels, [f"g{i}" for i in range(len(labels))], 3, seed)
    counts = Counter(zip(labels, folds, strict=True))
    each = [[counts[label, fold] for fold in range(3)] for label in range(4)]
    assert np.ptp(each, axis=1).max() <= 1
    assert np.ptp(np.sum(each, axis=0)) <= 1


def test_groups_of_all_classes_are_distributed_equally():
    labels, groups = [0, 1, 2] * 12, [f"g{i // 3}" for i in range(36)]
    folds = assign_folds(labels, groups, 4, seed=0)
    assert Counter(folds) == dict.fromkeys(range(4), 9)


@pytest.mark.parametrize("seed", range(5))
def test_small_groups_make_up_for_large_ones(seed):
    groups = ["large"] * 6 + [f"small{i}" for i in range(6)]
    assert Counter(assign_folds([0] * 12, groups, 2, seed)) == {0: 6, 1: 6}


@pytest.mark.parametrize(
    ("labels", "groups", "count", "message"),
    [
        ([0, 1], ["a", "b"], 1, "crossfit is 1; it must lie between 2 and the number of groups, 2"),
        ([0, 1, 0], ["a", "b", "a"], 3, "crossfit is 3; it must lie between 2 and the number of groups, 2"),
        ([0, 0, 1, 1], ["a", "b", "c", "c"], 2, "class 1 has clips in fold . only; .* lower `crossfit`"),
    ],
)
def test_impossible_folds_are_refused(labels, groups, count, message):
    with pytest.raises(ValueError, match=message):
        assign_folds(labels, groups, count, seed=0)


def test_a_hash_stands_for_a_set_of_videos():
    assert videos_hash(["b", "a", "b"]) == videos_hash(np.array(["a", "b"])) == videos_hash(iter("ab"))
    different = [[], ["a"], ["b"], ["a", "b"], ["ab"], ["a", "b", "c"]]
    assert len({videos_hash(videos) for videos in different}) == len(different)
    assert len(videos_hash(["a"])) == 16 and int(videos_hash(["a"]), 16) >= 0


VIDEOS, FOLDS = np.array(["a", "a", "b", "c", "c", "d"]), np.array([0, 0, 1, 2, 2, 0])
CLEAN = {"0": videos_hash("bc"), "1": videos_hash("acd"), "2": videos_hash("abd")}


def test_networks_trained_on_exactly_the_other_folds_are_clean():
    check_unseen("a.parquet", VIDEOS, FOLDS, CLEAN)


@pytest.mark.parametrize(
    ("folds", "trained_on", "message"),
    [
        (FOLDS, {**CLEAN, "1": videos_hash("abcd")}, r"leak: the network of fold 1 was .* such as those of 'b'"),
        (FOLDS, {**CLEAN, "2": videos_hash("ab")}, r"fold 2 .* outside its fold \(.*\); .* those of 'c'"),
        (FOLDS, {"0": CLEAN["0"], "1": CLEAN["1"]}, "fold 2 was trained on the videos unknown"),
        (FOLDS, {**CLEAN, "0": CLEAN["1"], "1": CLEAN["0"]}, "fold 0"),
        (np.array([0, 0, 1, 2, 2, 1]), CLEAN, "fold 0"),
    ],
)  # fmt: skip
def test_a_leak_is_refused_with_fold_and_example(folds, trained_on, message):
    with pytest.raises(ValueError, match=f"a.parquet: .*{message}"):
        check_unseen("a.parquet", VIDEOS, folds, trained_on)
