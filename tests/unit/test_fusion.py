"""The algebra of Eq. 4-12: identities, values by hand, agreement with a direct evaluation, refusals."""

import math

import numpy as np
import pytest

from ukdlib.fusion import (
    LABEL_METHODS,
    METHODS,
    clamped_scores,
    fuse,
    fused_knowledge,
    log_distribution,
    log_softmax,
    teacher_weights,
)

rng = np.random.default_rng(0)
K, N, C = 4, 50, 11
LOGITS = rng.normal(scale=3, size=(K, N, C))
LABELS = rng.integers(C, size=N)
STUDENT = rng.normal(scale=2, size=(N, C))
SEVERAL = sorted(set(METHODS) - {"single"})  # methods for more than one teacher
AVERAGES = ["mean", "avg1", "avg2"]


def softmax(logits, tau=1.0):
    powers = np.exp(np.asarray(logits) / tau)
    return powers / powers.sum(axis=-1, keepdims=True)


def divergence(target, probs):
    """KL(target || probs) of each clip, without tau^2."""
    return (target * (np.log(target) - np.log(probs))).sum(axis=-1)


def certain(true_prob, classes=C):
    """Logits (1, 1, C) with this probability on class 0 and the rest shared."""
    rest = (1 - true_prob) / (classes - 1)
    return np.log(np.array([[[true_prob] + [rest] * (classes - 1)]]))


def direct_weight(method, logits, label, h, temperature):
    """Scores of Eq. 8 or 12 for one clip, term by term as printed, normalised over teachers."""
    scores = []
    for teacher in logits:
        q = [math.exp(z / temperature) for z in teacher]
        q = [value / sum(q) for value in q]
        truth = 1.0 if method == "gtd" else h
        wanted = [truth if j == label else (1 - truth) / (len(q) - 1) for j in range(len(q))]
        scores.append(1 / -sum(y * math.log(p) for y, p in zip(wanted, q, strict=True)))
    return [score / sum(scores) for score in scores]


@pytest.mark.parametrize("method", SEVERAL)
class TestEveryMethod:
    def test_weights_are_shares(self, method):
        weights = teacher_weights(method, LOGITS, LABELS)
        assert weights.shape == (N, K)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)

    def test_targets_are_distributions(self, method):
        target, _, constant = fused_knowledge(method, LOGITS, LABELS, tau=4.0)
        assert target.shape == (N, C)
        assert constant.shape == (N,)
        assert (target > 0).all()
        np.testing.assert_allclose(target.sum(axis=1), 1, rtol=1e-12)

    def test_order_of_teachers_only_orders_the_weights(self, method):
        order = [2, 0, 3, 1]
        target, weights, constant = fused_knowledge(method, LOGITS, LABELS, tau=4.0)
        again = fused_knowledge(method, LOGITS[order], LABELS, tau=4.0)
        for mine, other in zip((target, weights[:, order], constant), again, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-14)

    def test_one_teacher_alone_is_plain_distillation(self, method):
        target, weights, constant = fused_knowledge(method, LOGITS[:1], LABELS, tau=4.0)
        np.testing.assert_allclose(target, softmax(LOGITS[0], 4.0), rtol=1e-12)
        np.testing.assert_array_equal(weights, np.ones((N, 1)))
        np.testing.assert_allclose(constant, 0, atol=1e-12)
        single = fused_knowledge("single", LOGITS[:1], LABELS, tau=4.0)
        np.testing.assert_allclose(target, single[0], rtol=1e-12)

    def test_identical_teachers_get_equal_weights(self, method):
        target, weights, _ = fused_knowledge(method, np.repeat(LOGITS[:1], K, axis=0), LABELS, tau=4.0)
        np.testing.assert_allclose(weights, 1 / K, rtol=1e-12)
        np.testing.assert_allclose(target, softmax(LOGITS[0], 4.0), rtol=1e-12)

    def test_a_constant_added_to_a_teachers_logits_changes_nothing(self, method):
        shift = rng.normal(scale=50, size=(K, N, 1))
        for mine, other in zip(
            fused_knowledge(method, LOGITS, LABELS, 4.0),
            fused_knowledge(method, LOGITS + shift, LABELS, 4.0),
            strict=True,
        ):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)

    def test_extreme_logits_stay_finite(self, method):
        wild = np.array([[[1e38, -1e38, 0]], [[-3e38, 3e38, 0]], [[0, 0, 0]]], np.float32)
        for label in range(3):
            knowledge = fused_knowledge(method, wild, np.array([label]), tau=0.5)
            assert all(np.isfinite(array).all() for array in knowledge)
            np.testing.assert_allclose(knowledge[0].sum(axis=1), 1, rtol=1e-12)

    def test_float32_logits_agree_with_float64(self, method):
        pair = [
            fused_knowledge(method, LOGITS.astype(kind), LABELS, 4.0) for kind in (np.float32, np.float64)
        ]
        for single, double in zip(*pair, strict=True):
            np.testing.assert_allclose(single, double, atol=1e-6)

    def test_the_target_is_the_weighted_sum_of_softened_teachers(self, method):
        target, weights, _ = fused_knowledge(method, LOGITS, LABELS, tau=20)
        np.testing.assert_allclose(target, np.einsum("nk,knc->nc", weights, softmax(LOGITS, 20)), rtol=1e-12)


@pytest.mark.parametrize("method", sorted(LABEL_METHODS))
@pytest.mark.parametrize(("h", "temperature"), [(0.99, 1.0), (0.6, 1.0), (0.99, 4.0)])
def test_weights_agree_with_the_printed_sums(method, h, temperature):
    weights = teacher_weights(method, LOGITS, LABELS, h, temperature)
    printed = [direct_weight(method, LOGITS[:, n], LABELS[n], h, temperature) for n in range(N)]
    np.testing.assert_allclose(weights, printed, atol=1e-6)


@pytest.mark.parametrize("method", AVERAGES)
def test_averages_weigh_all_alike(method):
    np.testing.assert_array_equal(teacher_weights(method, LOGITS, LABELS), np.full((N, K), 1 / K))


def test_avg1_and_avg2_have_one_target_and_avg1_reports_the_mean_of_divergences():
    tau = 10
    target, _, constant = fused_knowledge("avg1", LOGITS, LABELS, tau)
    np.testing.assert_array_equal(target, fused_knowledge("avg2", LOGITS, LABELS, tau)[0])
    student = softmax(STUDENT, tau)
    mean = np.mean([divergence(softmax(teacher, tau), student) for teacher in LOGITS], axis=0)
    np.testing.assert_allclose(divergence(target, student) + constant, mean, rtol=1e-9)  # Eq. 4
    assert (constant > 0).all()


@pytest.mark.parametrize("method", sorted(set(SEVERAL) - {"avg1"}))
def test_other_methods_report_the_divergence_to_their_target(method):
    np.testing.assert_array_equal(fused_knowledge(method, LOGITS, LABELS, 10)[2], np.zeros(N))


def test_weighted_divergences_and_divergence_to_the_target_differ_by_a_constant_in_the_student():
    tau = 20
    target, weights, _ = fused_knowledge("pkd", LOGITS, LABELS, tau)

    def gap(student):
        each = [divergence(softmax(teacher, tau), softmax(student, tau)) for teacher in LOGITS]
        return (weights.T * each).sum(axis=0) - divergence(target, softmax(student, tau))

    np.testing.assert_allclose(gap(STUDENT), gap(rng.normal(size=(N, C))), atol=1e-12)


@pytest.mark.parametrize(
    ("true_prob", "score"),
    [
        (0.99, 12.6538),
        (0.9999, 8.678),
        (1 - 1e-9, 4.343),
    ],  # the greatest score is at the preferred distribution
)
def test_preferred_scores_by_hand(true_prob, score):
    # a second teacher of known score 1 / log(11), the uniform one, turns the weight into the score
    logits = np.concatenate([certain(true_prob), np.zeros((1, 1, C))])
    weights = teacher_weights("pkd", logits, np.array([0]), h=0.99)[0]
    np.testing.assert_allclose(weights[0] / weights[1] / math.log(C), score, rtol=1e-4)


def test_the_best_preferred_score_is_the_inverse_entropy():
    preferred = np.exp(certain(0.99)[0, 0])
    entropy = -(preferred * np.log(preferred)).sum()
    np.testing.assert_allclose(entropy, 0.079027, atol=5e-7)
    better = teacher_weights("pkd", np.concatenate([certain(0.99), certain(0.98)]), np.array([0]))[0]
    assert better[0] > better[1]
    better = teacher_weights("pkd", np.concatenate([certain(0.99), certain(0.995)]), np.array([0]))[0]
    assert better[0] > better[1]


def test_h_near_one_is_the_true_label():
    np.testing.assert_allclose(
        teacher_weights("pkd", LOGITS, LABELS, h=1 - 1e-12), teacher_weights("gtd", LOGITS, LABELS), atol=1e-9
    )


def test_h_near_chance_prefers_the_flattest_teacher():
    scales = np.array([4.0, 0.2, 1.0])[:, None, None]
    weights = teacher_weights("pkd", scales * LOGITS[:1], LABELS, h=1 / C + 1e-9)
    assert (weights.argmax(axis=1) == 1).all()


def test_weights_at_the_temperature_of_distillation_collapse_to_the_average():
    spread = [np.ptp(teacher_weights("pkd", LOGITS, LABELS, 0.99, temperature)) for temperature in (1, 20)]
    assert spread[0] > 0.5
    assert spread[1] < 0.1


def test_true_label_weights_are_finite_for_certain_teachers_and_equal_beyond_the_floor():
    logits = np.array([[[60.0, 0, 0]], [[80.0, 0, 0]], [[0, 60.0, 0]]])
    weights = teacher_weights("gtd", logits, np.array([0]))[0]
    np.testing.assert_allclose(weights, [0.5, 0.5, 0], atol=1e-9)
    np.testing.assert_array_equal(clamped_scores(logits, np.array([0])), [[True, True, False]])
    assert not clamped_scores(LOGITS, LABELS).any()


def test_stored_logarithms_give_the_target_back():
    target, _, _ = fused_knowledge("pkd", LOGITS, LABELS, 5)
    stored = log_distribution(target)
    assert stored.dtype == np.float32
    np.testing.assert_allclose(softmax(stored), target, rtol=1e-5)
    assert np.isfinite(log_distribution(np.array([[1.0, 0.0]]))).all()


def test_equal_weights_give_the_mean_of_softened_teachers():
    weights = teacher_weights("mean", LOGITS, LABELS)
    np.testing.assert_allclose(fuse(LOGITS, weights, 4), softmax(LOGITS, 4).mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("tau", [0.5, 1, 30])
def test_log_softmax_agrees_with_softmax(tau):
    np.testing.assert_allclose(np.exp(log_softmax(LOGITS, tau)), softmax(LOGITS, tau), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("best", LOGITS, LABELS), r"unknown fusion method 'best'; known: \['avg1', .*'single'\]"),
        (("single", LOGITS, LABELS), "method 'single' takes one teacher, got 4"),
        (("pkd", LOGITS, LABELS, 1.0), "h is 1.0; with 11 classes it lies between 0.09091 and 1"),
        (("pkd", LOGITS, LABELS, 1 / C), "h is 0.0909.*; with 11 classes"),
        (("pkd", LOGITS, LABELS, 0.99, 0), "temperature is 0; it must be positive"),
        (("gtd", LOGITS[0], LABELS), r"logits have shape \(50, 11\); expected \(K > 0 teachers"),
        (("gtd", LOGITS[:0], LABELS), r"logits have shape \(0, 50, 11\)"),
        (("gtd", LOGITS, LABELS[:-1]), r"labels have shape \(49,\); .* need \(50,\)"),
        (("gtd", LOGITS, LABELS + C), r"label \d+ is not in 0 .. 10"),
        (("gtd", LOGITS, LABELS - C), r"label -\d+ is not in 0 .. 10"),
    ],
)
def test_refusals_name_the_value_and_what_is_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        teacher_weights(*arguments)
