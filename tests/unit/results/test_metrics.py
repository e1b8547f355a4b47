"""Metrics as by hand on a few videos, and what they must not depend on."""

import json

import numpy as np
import pytest

from ukdlib.results.metrics import calibration_error, evaluate, top_share, video_probabilities

CLASSES = ["Drink", "Jump", "Wave"]
# five videos of one view; the guesses are Drink, Jump, Jump, Wave, Drink
PROBS = np.array([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.9, 0.1, 0.0]])
LABELS = np.array([0, 0, 1, 2, 2])
IDS = np.array(["a", "b", "c", "d", "e"])


def metrics_of(probs=PROBS, labels=LABELS, ids=IDS, classes=CLASSES):
    return evaluate(ids, labels, np.log(np.maximum(probs, 1e-30)), classes)


def test_a_small_case_by_hand():
    metrics = metrics_of()
    assert (metrics["n"], metrics["views"], metrics["top1"], metrics["top5"]) == (5, 1, 0.6, None)
    assert metrics["confusion"] == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]  # true class by row
    assert metrics["per_class"] == {"Drink": 0.5, "Jump": 1.0, "Wave": 0.5}
    np.testing.assert_allclose(metrics["mean_class"], 2 / 3)
    np.testing.assert_allclose(metrics["nll"], -np.log([0.7, 0.3, 0.8, 0.6, 1e-30]).mean(), rtol=1e-9)
    # each video has a bin of its own: |right - highest| = .3, .5, .2, .4, .9
    np.testing.assert_allclose(metrics["ece"], (0.3 + 0.5 + 0.2 + 0.4 + 0.9) / 5)
    low, high = metrics["interval"]
    assert 0 <= low < 0.6 < high <= 1


def test_metrics_are_plain_json():
    metrics = metrics_of()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_a_class_without_videos_has_no_accuracy_and_does_not_enter_the_mean():
    metrics = metrics_of(PROBS[:4], LABELS[:4] % 2, IDS[:4])
    assert metrics["per_class"]["Wave"] is None
    np.testing.assert_allclose(metrics["mean_class"], np.mean([1 / 3, 1.0]))


def test_views_are_averaged_as_probabilities_not_as_logits():
    # one confident view of Drink outweighs, as logits, two views of Jump, which win as probabilities
    logits = np.array([[30.0, 0, 0], [0, 3, 0], [0, 3, 0]])
    ids, labels, probs, views = video_probabilities(np.array(["a"] * 3), np.ones(3, int), logits)
    assert (ids.tolist(), labels.tolist(), views) == (["a"], [1], 3)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probs, softmax.mean(axis=0, keepdims=True), rtol=1e-12)
    assert (probs.argmax(), logits.mean(axis=0).argmax()) == (1, 0)


def test_neither_the_order_of_rows_nor_a_shift_of_logits_matters():
    rng = np.random.default_rng(0)
    ids, labels = np.repeat([f"v{i}" for i in range(20)], 3), np.repeat(rng.integers(6, size=20), 3)
    logits, classes = rng.normal(size=(60, 6)), list("abcdef")
    before, order = evaluate(ids, labels, logits, classes), rng.permutation(60)
    after = evaluate(ids[order], labels[order], logits[order] + rng.normal(size=(60, 1)), classes)
    for name in ("nll", "ece", "top1", "top5", "mean_class"):
        np.testing.assert_allclose(before[name], after[name], rtol=1e-9)
    assert before["confusion"] == after["confusion"]
    assert (before["n"], before["views"]) == (20, 3)


def test_top_k_counts_ties_once():
    probs, labels = np.full((4, 4), 0.25), np.arange(4)
    assert [top_share(probs, labels, k) for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert top_share(PROBS, LABELS, 2) == 0.8


def test_top5_exists_from_five_classes_on():
    probs = np.eye(6)[:5] * 0.5 + 0.5 / 6
    ids, labels = IDS, np.array([0, 1, 2, 3, 5])
    assert metrics_of(probs, labels, ids, list("abcdef"))["top5"] == pytest.approx(0.8)
    assert metrics_of(probs[:, :5], labels % 5, ids, list("abcde"))["top5"] == 1.0


def test_calibration_is_perfect_when_confidence_is_accuracy():
    probs = np.tile([0.75, 0.25], (8, 1))
    np.testing.assert_allclose(calibration_error(probs, np.array([0] * 6 + [1] * 2)), 0, atol=1e-12)
    np.testing.assert_allclose(calibration_error(probs, np.ones(8, int)), 0.75)
    np.testing.assert_allclose(calibration_error(np.eye(2), np.array([0, 1])), 0)  # probability 1: last bin


def test_extreme_logits_give_finite_metrics():
    metrics = evaluate(IDS[:2], np.array([0, 1]), np.array([[1e30, -1e30, 0], [1e30, -1e30, 0]]), CLASSES)
    assert metrics["top1"] == 0.5
    assert np.isfinite(metrics["nll"])


@pytest.mark.parametrize(
    ("ids", "labels", "message"),
    [
        (["a", "a", "b"], [0, 0, 0], r"videos have \[1, 2\] views; expected one number of views for all"),
        (["a", "a", "a"], [0, 0, 1], "video 'a' has labels 0 and 1"),
    ],
)
def test_refusals(ids, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate(np.array(ids), np.array(labels), np.zeros((3, 3)), CLASSES)
