"""The worth of teachers: shares sum to the whole, equal a loop over all orders, and treat like teachers alike."""

import itertools
import math

import numpy as np
import pytest

from ukdlib.knowledge.fusion import METHODS
from ukdlib.knowledge.worth import (
    EXACT,
    exact_shares,
    fused_probabilities,
    leave_one_out,
    log_truth,
    members,
    sampled_shares,
    sets_of,
    shapley_values,
    value_of,
)

FUSION = {"method": "pkd", "h": 0.99, "weight_temperature": 1.0, "fuse_as": "probabilities"}


def teachers(count=5, clips=40, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, clips)
    return rng.normal(0, 2, (count, clips, classes)) + np.eye(classes)[labels] * 2, labels


def by_all_orders(value, count):
    orders = list(itertools.permutations(range(count)))
    shares = np.zeros((count, *np.shape(value(0))))
    for order in orders:
        for place, k in enumerate(order):
            before = sum(1 << other for other in order[:place])
            shares[k] += value(before | 1 << k) - value(before)
    return shares / len(orders)


@pytest.mark.parametrize("method", ["mean", "pkd", "gtd"])
def test_exact_shares_are_those_of_a_loop_over_all_orders_of_five_teachers(method):
    logits, labels = teachers()
    value = value_of(logits, labels, {**FUSION, "method": method}, 1.0)
    shares, errors = shapley_values(value, 5)
    np.testing.assert_allclose(shares, by_all_orders(value, 5), atol=1e-12)
    assert not errors.any()


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"single"}))
@pytest.mark.parametrize("tau", [1.0, 5.0])
def test_shares_sum_to_the_value_of_all_less_that_of_none(method, tau):
    logits, labels = teachers()
    value = value_of(logits, labels, {**FUSION, "method": method}, tau)
    np.testing.assert_allclose(value(0), -math.log(4))
    np.testing.assert_allclose(shapley_values(value, 5)[0].sum(axis=0), value(31) - value(0))
    np.testing.assert_allclose(sampled_shares(value, 5, 6)[0].sum(axis=0), value(31) - value(0))


def test_sampled_shares_are_within_their_errors_and_the_same_for_the_same_seed():
    logits, labels = teachers()
    value = value_of(logits, labels, FUSION, 1.0)
    exact = shapley_values(value, 5)[0].mean(axis=1)
    shares, errors = sampled_shares(value, 5, 200, seed=1)
    assert (np.abs(shares.mean(axis=1) - exact) < 4 * errors).all() and (errors < 0.05).all()
    np.testing.assert_array_equal(shares, sampled_shares(value, 5, 200, seed=1)[0])
    assert (shares != sampled_shares(value, 5, 200, seed=2)[0]).any()


def test_more_teachers_than_can_be_enumerated_are_sampled():
    gains = np.linspace(-1, 1, EXACT + 4)
    shares, errors = shapley_values(lambda chosen: float(gains[members(chosen)].sum()), len(gains))
    np.testing.assert_allclose(shares, gains, atol=1e-12)  # an additive value: each order gives the same
    np.testing.assert_allclose(errors, 0, atol=1e-12)


def test_duplicates_share_equally_and_a_teacher_that_adds_nothing_gets_nothing():
    logits, labels = teachers(3)
    value = value_of(np.stack([logits[0], logits[0], *logits[1:]]), labels, FUSION, 1.0)
    shares = shapley_values(value, 4)[0]
    np.testing.assert_allclose(shares[0], shares[1])
    padded = shapley_values(lambda chosen: value(chosen & 15), 5)[0]  # the fifth changes no value
    np.testing.assert_allclose(padded, [*shares, np.zeros(40)], atol=1e-12)


def test_a_teacher_that_knows_nothing_is_worth_less_than_any_that_knows_something():
    logits, labels = teachers(2)
    known = value_of(np.stack([*logits, np.zeros_like(logits[0])]), labels, {**FUSION, "method": "mean"}, 1.0)
    shares = shapley_values(known, 3)[0].mean(axis=1)
    assert shares[2] < shares[:2].min()
    np.testing.assert_allclose(known(0b100), known(0))  # alone, it is worth as much as nobody


def test_values_worked_out_by_hand():
    """v(none) 0, v(a) 1, v(b) 2, v(both) 4: a adds 1 or 2, b adds 2 or 3."""
    values = [0.0, 1, 2, 4]
    np.testing.assert_allclose(exact_shares(values.__getitem__, 2), [1.5, 2.5])
    np.testing.assert_allclose(leave_one_out(values.__getitem__, 2), [2, 3])
    assert members(0b1010) == [1, 3]
    probabilities = np.array([[0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(log_truth(probabilities, np.array([0, 1])), [math.log(0.5), 0])


def test_one_teacher_alone_is_its_own_target():
    logits, labels = teachers(2)
    powers = np.exp(logits[1] / 5 - (logits[1] / 5).max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fused_probabilities(logits, labels, 0b10, FUSION, 5.0), expected)


def test_sets_of_a_size_are_all_of_them_or_as_many_as_are_wanted():
    assert sets_of(4, 2, 64) == [3, 5, 6, 9, 10, 12]
    drawn = sets_of(40, 20, 64)
    assert len(set(drawn)) == 64 and {chosen.bit_count() for chosen in drawn} == {20}
    assert drawn == sets_of(40, 20, 64)


def test_nobody_shares_nothing():
    with pytest.raises(ValueError, match="0 teachers; a share needs one or more"):
        exact_shares(lambda chosen: 0.0, 0)


def test_too_few_permutations_are_refused():
    with pytest.raises(ValueError, match="2 permutations; at least 4"):
        sampled_shares(lambda chosen: 0.0, 3, 2)
