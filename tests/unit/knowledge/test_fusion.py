"""The algebra of Eq. 4-12: identities, values by hand, agreement with a direct evaluation, refusals."""

import math

import numpy as np
import pytest
import torch

from ukdlib.knowledge.fusion import (
    FUSE_AS,
    LABEL_METHODS,
    METHODS,
    clamped_scores,
    consensus,
    fuse,
    fused_knowledge,
    log_distribution,
    log_softmax,
    teacher_weights,
)
from ukdlib.learning.losses import distillation_loss
from ukdlib.settings.config import NO_LABEL

rng = np.random.default_rng(0)
K, N, C = 4, 50, 11
LOGITS = rng.normal(scale=3, size=(K, N, C))
LABELS = rng.integers(C, size=N)
STUDENT = rng.normal(scale=2, size=(N, C))
SEVERAL = sorted(set(METHODS) - {"single"})  # methods for more than one teacher
AVERAGES = ["mean", "avg1", "avg2"]
WEIGHING = sorted(set(SEVERAL) - set(AVERAGES))


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


def direct_weights(method, logits, label, h, temperature):
    """The weights of one clip's teachers, term by term as the papers print them: loops and plain `math`."""
    taught = [[math.exp(z / temperature) for z in teacher] for teacher in logits]
    taught = [[value / sum(q) for value in q] for q in taught]
    count = len(taught)
    if method in ("gtd", "pkd"):
        true = 1.0 if method == "gtd" else h
        wanted = [true if j == label else (1 - true) / (len(taught[0]) - 1) for j in range(len(taught[0]))]
        scores = [1 / -sum(y * math.log(p) for y, p in zip(wanted, q, strict=True)) for q in taught]
        return [score / sum(scores) for score in scores]
    if method == "ebkd":
        entropies = [-sum(p * math.log(p) for p in q) for q in taught]
        return [(1 - e / sum(entropies)) / (count - 1) for e in entropies]
    errors = [-math.log(q[label]) for q in taught]
    if method == "softmin_ce":
        return [math.exp(-e) / sum(math.exp(-other) for other in errors) for e in errors]
    assert method == "ca_mkd"
    return [(1 - math.exp(e) / sum(math.exp(other) for other in errors)) / (count - 1) for e in errors]


class Lazy:
    """Teachers that are recreated on each access, as if read from files."""

    def __init__(self, stack):
        self.stack = stack

    def __len__(self):
        return len(self.stack)

    def __getitem__(self, k):
        return self.stack[k].copy()


def gradient(loss, *settings):
    """Of a loss of the student's logits, with respect to them."""
    student = torch.from_numpy(STUDENT).requires_grad_()
    loss(student, *settings).backward()
    return student.grad.numpy()


def library_loss(student, target, tau):
    """The library's loss, with no weight on the labels."""
    return distillation_loss(student, torch.from_numpy(LABELS), torch.from_numpy(target), 0.0, tau)[0]


def printed_divergences(student, weights, tau):
    """Mean over clips of sum_k w_k tau^2 KL(softmax(z_k / tau) || softmax(o / tau)): Eq. 4 and 10 as sums of KL."""
    taught = torch.softmax(torch.from_numpy(LOGITS) / tau, dim=-1)
    each = (taught * (taught.log() - torch.log_softmax(student / tau, dim=-1))).sum(dim=-1)
    return tau**2 * (torch.from_numpy(weights).T * each).sum(dim=0).mean()


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

    def test_a_lazy_sequence_of_teachers_gives_the_same_bit_for_bit(self, method):
        for lazy in (Lazy(LOGITS), list(LOGITS)):
            for mine, other in zip(
                fused_knowledge(method, LOGITS, LABELS, 4.0),
                fused_knowledge(method, lazy, LABELS, 4.0),
                strict=True,
            ):
                np.testing.assert_array_equal(mine, other)

    def test_the_gradient_is_the_weighted_sum_of_the_teachers_gradients(self, method):
        tau = 6.0
        target, weights, _ = fused_knowledge(method, LOGITS, LABELS, tau)
        np.testing.assert_allclose(
            gradient(library_loss, target, tau),
            gradient(printed_divergences, weights, tau),
            rtol=1e-9,
            atol=1e-14,
        )

    def test_the_target_is_the_weighted_sum_of_softened_teachers(self, method):
        target, weights, _ = fused_knowledge(method, LOGITS, LABELS, tau=20)
        np.testing.assert_allclose(target, np.einsum("nk,knc->nc", weights, softmax(LOGITS, 20)), rtol=1e-12)


@pytest.mark.parametrize("method", WEIGHING)
@pytest.mark.parametrize(("h", "temperature"), [(0.99, 1.0), (0.6, 1.0), (0.99, 4.0)])
def test_weights_agree_with_the_printed_sums(method, h, temperature):
    weights = teacher_weights(method, LOGITS, LABELS, h, temperature)
    printed = [direct_weights(method, LOGITS[:, n], LABELS[n], h, temperature) for n in range(N)]
    np.testing.assert_allclose(weights, printed, rtol=1e-9)


def test_with_two_teachers_confidence_and_softmin_are_one_method():
    """1 - softmax(e)_1 = softmax(e)_2 = softmax(-e)_1."""
    pair = [teacher_weights(method, LOGITS[:2], LABELS) for method in ("ca_mkd", "softmin_ce")]
    np.testing.assert_allclose(*pair, rtol=1e-9)
    three = [teacher_weights(method, LOGITS[:3], LABELS) for method in ("ca_mkd", "softmin_ce")]
    assert not np.allclose(*three)


@pytest.mark.parametrize("method", AVERAGES)
def test_averages_weight_all_equally(method):
    np.testing.assert_array_equal(teacher_weights(method, LOGITS, LABELS), np.full((N, K), 1 / K))


def test_avg1_and_avg2_have_one_target_and_avg1_reports_the_mean_of_divergences():
    tau = 10
    target, _, constant = fused_knowledge("avg1", LOGITS, LABELS, tau)
    np.testing.assert_array_equal(target, fused_knowledge("avg2", LOGITS, LABELS, tau)[0])
    student = softmax(STUDENT, tau)
    mean = np.mean([divergence(softmax(teacher, tau), student) for teacher in LOGITS], axis=0)
    np.testing.assert_allclose(divergence(target, student) + constant, mean, rtol=1e-9)  # Eq. 4
    assert (constant > 0).all()


def test_averages_of_divergences_and_of_distributions_have_equal_gradients_but_not_averages_of_logits():
    tau = 10.0
    equal = np.full((N, K), 1 / K)
    first = gradient(printed_divergences, equal, tau)  # Eq. 4
    second = gradient(library_loss, softmax(LOGITS, tau).mean(axis=0), tau)  # Eq. 5
    np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-15)
    for method, printed in (("avg1", first), ("avg2", second)):
        mine = gradient(library_loss, fused_knowledge(method, LOGITS, LABELS, tau)[0], tau)
        np.testing.assert_allclose(mine, printed, rtol=1e-9, atol=1e-15)
    of_logits = gradient(library_loss, fused_knowledge("avg2", LOGITS, LABELS, tau, fuse_as="logits")[0], tau)
    np.testing.assert_allclose(
        of_logits, gradient(library_loss, softmax(LOGITS.mean(axis=0), tau), tau), rtol=1e-9
    )
    assert np.abs(of_logits - first).max() > 0.05 * np.abs(first).max()


@pytest.mark.parametrize("method", sorted(set(SEVERAL) - {"avg1"}))
class TestFusedLogits:
    def test_one_teacher_alone_is_softened(self, method):
        target, _, constant = fused_knowledge(method, LOGITS[:1], LABELS, 4.0, fuse_as="logits")
        np.testing.assert_allclose(target, softmax(LOGITS[0], 4.0), rtol=1e-12)
        np.testing.assert_array_equal(constant, 0)

    def test_a_constant_added_to_a_teachers_logits_changes_nothing(self, method):
        shift = rng.normal(scale=50, size=(K, N, 1))
        pair = [
            fused_knowledge(method, z, LABELS, 4.0, fuse_as="logits")[0] for z in (LOGITS, LOGITS + shift)
        ]
        np.testing.assert_allclose(*pair, rtol=1e-9)

    def test_the_weights_are_those_of_fused_probabilities(self, method):
        weights = [fused_knowledge(method, LOGITS, LABELS, 4.0, fuse_as=way)[1] for way in FUSE_AS]
        np.testing.assert_array_equal(*weights)


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


def test_h_near_one_is_the_ground_truth():
    np.testing.assert_allclose(
        teacher_weights("pkd", LOGITS, LABELS, h=1 - 1e-12), teacher_weights("gtd", LOGITS, LABELS), atol=1e-9
    )


def test_h_near_chance_prefers_the_flattest_teacher():
    scales = np.array([4.0, 0.2, 1.0])[:, None, None]
    weights = teacher_weights("pkd", scales * LOGITS[:1], LABELS, h=1 / C + 1e-9)
    assert (weights.argmax(axis=1) == 1).all()


@pytest.mark.parametrize("method", WEIGHING)
def test_weights_at_the_temperature_of_distillation_collapse_to_the_average(method):
    spread = [np.ptp(teacher_weights(method, LOGITS, LABELS, 0.99, temperature)) for temperature in (1, 20)]
    assert spread[1] < min(0.16, spread[0] / 3)  # the least decisive method spreads over 0.2 at temperature 1


@pytest.mark.parametrize("method", ["softmin_ce", "ca_mkd"])
def test_two_teachers_by_hand(method):
    # probabilities 1/2 and 1/4 of the label: e^-CE is them, e^CE their inverse, so both methods say 2 : 1
    logits = np.log([[[0.5, 0.3, 0.2]], [[0.25, 0.7, 0.05]]])
    np.testing.assert_allclose(teacher_weights(method, logits, np.array([0])), [[2 / 3, 1 / 3]], rtol=1e-12)


def test_entropies_by_hand():
    # entropies log 2, log 2 and log 4: shares 1/4, 1/4, 1/2 of all, so (3/4, 3/4, 1/2) / 2
    halves, quarters = [0, 0, -1e3, -1e3], [0, 0, 0, 0]
    logits = np.array([[halves], [halves[::-1]], [quarters]], float)
    np.testing.assert_allclose(
        teacher_weights("ebkd", logits, np.array([0])), [[0.375, 0.375, 0.25]], rtol=1e-12
    )


@pytest.mark.parametrize("method", [*AVERAGES, "ebkd"])
def test_methods_that_may_be_tested_do_not_look_at_the_label(method):
    weights = [teacher_weights(method, LOGITS, labels) for labels in (LABELS, (LABELS + 1) % C)]
    np.testing.assert_array_equal(*weights)


def test_ground_truth_weights_are_finite_for_certain_teachers_and_equal_beyond_the_floor():
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
        (("best", LOGITS, LABELS), r"unknown fusion method 'best'; known: \['avg1', .*'softmin_ce'\]"),
        (("single", LOGITS, LABELS), "method 'single' takes one teacher, got 4"),
        (("pkd", LOGITS, LABELS, 1.0), "h is 1.0; with 11 classes it must lie between 0.09091 and 1"),
        (("pkd", LOGITS, LABELS, 1 / C), "h is 0.0909.*; with 11 classes"),
        (("pkd", LOGITS, LABELS, 0.99, 0), "temperature is 0; it must be positive"),
        (("gtd", LOGITS[0], LABELS), r"a teacher's logits have shape \(11,\); expected \(N clips, C cl"),
        (("gtd", LOGITS[:0], LABELS), r"no teachers; expected logits \(K > 0 teachers"),
        (("gtd", [], LABELS), "no teachers"),
        (("gtd", LOGITS, LABELS[:-1]), r"labels have shape \(49,\); .* need \(50,\)"),
        (("gtd", LOGITS, LABELS + C), r"label \d+ is not in 0 .. 10"),
        (("gtd", LOGITS, LABELS - C), r"label -\d+ is not in 0 .. 10"),
    ],
)
def test_refusals_name_the_value_and_what_is_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        teacher_weights(*arguments)


def test_impossible_fusions_are_refused():
    weights = np.full((N, K), 1 / K)
    with pytest.raises(ValueError, match=r"unknown fuse_as 'odds'; known: \['probabilities', 'logits'\]"):
        fuse(LOGITS, weights, 4, "odds")
    with pytest.raises(ValueError, match=r"weights \(50, 3\) do not match 4 teachers"):
        fuse(LOGITS, weights[:, 1:], 4)
    with pytest.raises(ValueError, match=r"'avg1' is a mean of divergences \(Eq. 4\); it cannot fuse logits"):
        fused_knowledge("avg1", LOGITS, LABELS, 4, fuse_as="logits")


def test_the_consensus_is_the_class_of_the_largest_mean_probability():
    sure, unsure = np.log([[0.9, 0.05, 0.05]]), np.log([[0.3, 0.4, 0.3]])
    assert consensus([sure, unsure, unsure]).tolist() == [0]
    assert consensus([unsure, unsure]).tolist() == [1]
    np.testing.assert_array_equal(consensus(LOGITS[:1]), LOGITS[0].argmax(axis=1))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_only_methods_that_need_labels_refuse_clips_without(method):
    """The others give such clips the weights that any label would."""
    logits = LOGITS[:1] if method == "single" else LOGITS
    without = np.where(np.arange(len(LABELS)) % 2, LABELS, NO_LABEL)
    if method in LABEL_METHODS:
        with pytest.raises(ValueError, match="label -1 is not in"):
            teacher_weights(method, logits, without)
    else:
        assert np.array_equal(
            teacher_weights(method, logits, without), teacher_weights(method, logits, LABELS)
        )
        with pytest.raises(ValueError, match="label -2 is not in"):
            teacher_weights(method, logits, without - 1)
