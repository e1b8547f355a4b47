"""Confident learning against counts by hand and against loops; what it finds among labels that were swapped."""

import numpy as np
import pytest

from ukdlib.knowledge.suspects import confident_classes, find_suspects, ranked, thresholds

# thresholds: (.9 + .2) / 2 = .55 and (.6 + .8 + .7) / 3 = .7
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
LABELS = np.array([0, 0, 1, 1, 1])


def drawn(count, classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(classes, 0.3), count), rng.integers(0, classes, count)


def test_counts_worked_out_by_hand():
    found = find_suspects(PROBABILITIES, LABELS)
    np.testing.assert_allclose(thresholds(PROBABILITIES, LABELS), [0.55, 0.7])
    np.testing.assert_array_equal(found.counts, [[1, 1], [0, 2]])  # the third clip reaches no threshold
    np.testing.assert_array_equal(found.counted, [False, True, False, False, False])
    np.testing.assert_allclose(found.score, [-0.8, 0.6, -0.2, -0.6, -0.4])
    np.testing.assert_array_equal(ranked(found.score), [1, 2, 4, 3, 0])


@pytest.mark.parametrize("classes", [2, 5, 400])
def test_the_same_as_the_definition_clip_by_clip(classes):
    """Also where most classes have one clip or none."""
    probabilities, labels = drawn(120, classes)
    found = find_suspects(probabilities, labels)
    counts = np.zeros((classes, classes), int)
    for row, label in zip(probabilities, labels, strict=True):
        reached = [
            (row[j], -j)
            for j in range(classes)
            if (labels == j).any() and row[j] >= probabilities[labels == j, j].mean() - 1e-12
        ]
        if reached:
            counts[label, -max(reached)[1]] += 1
    np.testing.assert_array_equal(found.counts, counts)
    assert found.counted.sum() == counts.sum() - np.trace(counts)


def test_numbers_of_classes_have_no_meaning():
    probabilities, labels = drawn(60, 4)
    order = np.array([2, 0, 3, 1])  # new number -> old number
    other = find_suspects(probabilities[:, order], np.argsort(order)[labels])
    found = find_suspects(probabilities, labels)
    np.testing.assert_allclose(other.score, found.score)
    np.testing.assert_array_equal(order[other.likely], found.likely)
    np.testing.assert_array_equal(other.counts, found.counts[np.ix_(order, order)])


def test_a_class_of_one_clip_counts_that_clip_and_one_of_none_nothing():
    probabilities = np.array([[0.5, 0.2, 0.3], [0.6, 0.1, 0.3], [0.3, 0.4, 0.3]])
    found = find_suspects(probabilities, np.array([0, 0, 1]))
    assert found.counts[1, 1] == 1 and found.counts[:, 2].sum() == 0
    assert np.isinf(thresholds(probabilities, np.array([0, 0, 1]))[2])
    np.testing.assert_array_equal(confident_classes(probabilities, np.full(3, 0.7)), [-1, -1, -1])


def test_swapped_labels_of_a_good_predictor_are_all_found_and_no_other():
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 5
    probabilities = 0.7 * np.eye(5)[truth] + 0.3 * rng.dirichlet(np.ones(5), 200)
    labels = np.where(np.arange(200) < 20, (truth + 1) % 5, truth)
    found = find_suspects(probabilities, labels)
    assert set(ranked(found.score)[:20]) == set(range(20))
    np.testing.assert_array_equal(found.likely[:20], truth[:20])
    assert found.counted[:20].all() and not found.counted[20:].any()


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (PROBABILITIES, LABELS[:3], r"expected \(N, C\), \(N,\)"),
        (PROBABILITIES * 2, LABELS, r"row 0 .* sums to 2\.0; expected a distribution"),
        (PROBABILITIES, LABELS - 1, r"row 0 has the label -1; expected 0 \.\. 1"),
        (np.ones((2, 1)), np.zeros(2, int), "there is one class"),
    ],
)
def test_bad_input_is_refused(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        find_suspects(probabilities, labels)
