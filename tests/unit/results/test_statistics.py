"""Intervals cover, pairs are compared as pairs, p-values are as by hand."""

import math

import numpy as np
import pytest

from ukdlib.results.statistics import bootstrap_interval, crossed_bootstrap, mcnemar, sign_test


def test_the_interval_covers_the_truth_as_often_as_stated():
    rng = np.random.default_rng(0)
    intervals = np.array([bootstrap_interval(rng.random(200) < 0.7, seed=trial) for trial in range(300)])
    covered = ((intervals[:, 0] <= 0.7) & (intervals[:, 1] >= 0.7)).mean()
    assert 0.90 < covered < 0.99


def test_the_interval_is_that_of_the_normal_distribution_for_many_videos():
    correct = np.arange(2011) < 0.7 * 2011
    low, high = bootstrap_interval(correct)
    half = 1.96 * np.sqrt(0.7 * 0.3 / 2011)
    np.testing.assert_allclose([low, high], [0.7 - half, 0.7 + half], atol=0.002)


def test_it_agrees_with_drawing_videos_one_by_one():
    values = np.random.default_rng(1).choice([0, 1 / 3, 2 / 3, 1], size=80)  # shares of three seeds
    rng = np.random.default_rng(2)
    means = values[rng.integers(80, size=(20000, 80))].mean(axis=1)
    np.testing.assert_allclose(bootstrap_interval(values), np.quantile(means, [0.025, 0.975]), atol=0.015)


def test_the_same_seed_gives_the_same_interval_and_a_level_its_width():
    correct = np.arange(50) % 3 == 0
    assert bootstrap_interval(correct, seed=3) == bootstrap_interval(correct, seed=3)
    wide, narrow = bootstrap_interval(correct, level=0.99), bootstrap_interval(correct, level=0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize("value", [0, 1])
def test_results_that_are_all_alike_have_no_spread(value):
    assert bootstrap_interval(np.full(30, value)) == (value, value)


def test_a_method_does_not_differ_from_itself():
    correct = np.arange(100) % 4 == 0
    assert mcnemar(correct, correct) == (0, 0, 1.0)


def test_pairing_removes_what_both_share():
    hard = np.random.default_rng(0).random(500) < 0.5
    better = hard.copy()
    better[np.flatnonzero(~hard)[:15]] = True  # the same videos and 15 more
    low, high = bootstrap_interval(better.astype(float) - hard)
    assert 0 < low < 15 / 500 < high
    assert bootstrap_interval(better)[0] < bootstrap_interval(hard)[1]  # unpaired, the intervals overlap


def test_clips_of_a_group_count_once():
    """Every clip three times over: the same interval as the clips alone, not one as narrow as of thrice as many."""
    correct = np.random.default_rng(3).random(60) < 0.6
    alone, thrice = bootstrap_interval(correct), np.repeat(correct, 3)
    groups = np.repeat([f"g{n:02d}" for n in range(60)], 3)
    np.testing.assert_allclose(bootstrap_interval(thrice, groups), alone, atol=1e-12)
    narrow = bootstrap_interval(thrice)
    assert narrow[1] - narrow[0] < 0.7 * (alone[1] - alone[0])


def test_the_interval_covers_a_truth_of_groups_of_unequal_size():
    """Clips succeed with their group: by clips the interval covers too rarely, by groups as often as stated."""
    rng = np.random.default_rng(0)
    covered = {"groups": 0, "clips": 0}
    for trial in range(300):
        sizes = rng.integers(2, 8, size=40)
        correct = np.repeat(rng.random(40) < 0.6, sizes)
        groups = np.repeat([f"g{n}" for n in range(40)], sizes)
        for name, given in (("groups", groups), ("clips", None)):
            low, high = bootstrap_interval(correct, given, seed=trial)
            covered[name] += low <= 0.6 <= high
    assert covered["groups"] / 300 > 0.89 and covered["clips"] / 300 < 0.75


def test_a_sign_test_over_groups_by_hand():
    """a is ahead in five groups of two clips, b in none: 2 / 2^5, however many clips there are."""
    a, b = np.tile([1.0, 1.0], 5), np.tile([1.0, 0.0], 5)
    groups = np.repeat(list("vwxyz"), 2)
    assert sign_test(a, b, groups) == (5, 0, pytest.approx(2 / 2**5))
    assert sign_test(a, b, groups)[2] == sign_test(b, a, groups)[2] and sign_test(a, a, groups)[2] == 1
    assert sign_test(a, b) == mcnemar(a, b)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (5, 0, 2 / 2**5),
        (8, 2, 2 * (1 + 10 + 45) / 2**10),  # 0.109375
        (3, 3, 1.0),
        (1, 0, 1.0),
    ],
)
def test_mcnemar_by_hand(only_a, only_b, p):
    a = np.array([1] * only_a + [0] * only_b + [1] * 7 + [0] * 4)
    b = np.array([0] * only_a + [1] * only_b + [1] * 7 + [0] * 4)
    assert mcnemar(a, b) == (only_a, only_b, pytest.approx(p, rel=1e-12))
    assert mcnemar(b, a) == (only_b, only_a, pytest.approx(p, rel=1e-12))


def test_shares_of_several_seeds_are_compared_video_by_video():
    a, b = np.array([1, 0.5, 1 / 3, 0, 1]), np.array([0, 0.25, 1 / 3, 0.5, 0.75])
    assert mcnemar(a, b) == (3, 1, pytest.approx(2 * (1 + 4) / 2**4))


def test_with_one_seed_only_videos_are_drawn():
    correct = (np.random.default_rng(0).random(300) < 0.6).astype(float)
    np.testing.assert_allclose(crossed_bootstrap([correct[None]]), bootstrap_interval(correct), atol=0.015)


def test_a_training_that_changes_all_videos_alike_widens_the_interval():
    seeds = np.array([0.0, 0.1, 0.2, 0.3])[:, None] * np.ones((1, 50))  # videos have no spread of their own
    low, high = crossed_bootstrap([seeds])
    drawn = np.random.default_rng(1).choice([0.0, 0.1, 0.2, 0.3], size=(20000, 4)).mean(axis=1)
    np.testing.assert_allclose([low, high], np.quantile(drawn, [0.025, 0.975]), atol=0.01)


def test_the_crossed_interval_covers_a_truth_of_videos_and_trainings():
    rng, covered = np.random.default_rng(0), 0
    for trial in range(200):
        effect = 0.05 + 0.1 * rng.normal(size=(8, 1)) + rng.normal(size=(1, 60)) + rng.normal(size=(8, 60))
        low, high = crossed_bootstrap([effect], seed=trial)
        covered += low <= 0.05 <= high
    assert 0.88 < covered / 200 <= 1


def test_splits_of_unequal_size_count_alike():
    low, high = crossed_bootstrap([np.ones((2, 100)), np.zeros((3, 5))])
    assert low == high == pytest.approx(0.5)


def test_mcnemar_is_exact_for_thousands_of_videos():
    a = np.arange(5000) < 2700
    exact = 2 * sum(math.comb(5000, i) for i in range(2301)) / 2**5000
    assert mcnemar(a, ~a)[2] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_interval(np.array([])), r"values have shape \(0,\); expected one number for each"),
        (lambda: bootstrap_interval(np.zeros((2, 2))), r"values have shape \(2, 2\)"),
        (lambda: mcnemar(np.zeros(3), np.zeros(4)), r"\(3,\) and \(4,\) results cannot be paired"),
        (lambda: crossed_bootstrap([]), r"blocks have shapes \[\]"),
        (
            lambda: crossed_bootstrap([np.zeros(3)]),
            r"blocks have shapes \[\(3,\)\]; expected \(seeds, videos\)",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
