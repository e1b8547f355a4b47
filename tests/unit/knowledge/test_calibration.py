"""A temperature makes probabilities honest and changes no answer; risk against coverage, worked out by hand."""

import numpy as np
import pytest

from ukdlib.knowledge.calibration import (
    HIGHEST,
    LOWEST,
    calibrated,
    fit_temperature,
    risk_curve,
    threshold_at,
)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sampled(count=4000, seed=0):
    """Logits (N, 4), and labels that are drawn from their own softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 4))
    return logits, (softmax(logits).cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_factor_by_which_logits_are_too_large_is_found(factor):
    logits, labels = sampled()
    assert fit_temperature(softmax(factor * logits), labels) == pytest.approx(factor, rel=0.06)


def test_one_view_is_softmax_at_that_temperature():
    logits, _ = sampled(20)
    assert calibrated(softmax(logits), 2.5) == pytest.approx(softmax(logits / 2.5))


def test_no_answer_changes_and_nothing_changes_at_one():
    probabilities = softmax(sampled(200)[0])
    for temperature in (LOWEST, 0.7, HIGHEST):
        found = calibrated(probabilities, temperature)
        assert np.array_equal(found.argmax(axis=1), probabilities.argmax(axis=1))
        assert np.allclose(found.sum(axis=1), 1)
    assert calibrated(probabilities, 1.0) == pytest.approx(probabilities)


def test_validation_clips_are_never_less_likely_than_before():
    for seed in range(5):
        logits, labels = sampled(60, seed)
        before = softmax(2 * logits)
        after = calibrated(before, fit_temperature(before, labels))
        rows = np.arange(60)
        assert np.log(after[rows, labels]).mean() >= np.log(before[rows, labels]).mean() - 1e-9


def test_certainty_about_a_wrong_answer_and_no_clips():
    assert np.isfinite(calibrated(np.array([[1.0, 0.0]]), 2.0)).all()
    assert fit_temperature(np.array([[1.0, 0.0], [0.9, 0.1]]), np.array([0, 0])) == pytest.approx(
        LOWEST, rel=0.01
    )
    with pytest.raises(ValueError, match="no validation clips"):
        fit_temperature(np.empty((0, 2)), np.empty(0, int))


def test_risk_and_coverage_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4]])
    curve = risk_curve(probabilities, np.array([0, 1, 1, 0]))  # the third is wrong, as sure as the second
    assert [point["threshold"] for point in curve] == [0.9, 0.8, 0.6]
    assert [point["coverage"] for point in curve] == [0.25, 0.75, 1.0]
    assert [point["risk"] for point in curve] == pytest.approx([0, 1 / 3, 1 / 4])
    assert threshold_at(curve, 0.0) == 0.9 and threshold_at(curve, 0.3) == 0.6
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        threshold_at(curve, 1.0)
    with pytest.raises(ValueError, match=r"0\.1 was not reached.*lowest is 0\.250"):
        threshold_at(curve[2:], 0.1)
