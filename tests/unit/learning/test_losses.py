"""Laws of the student's loss (Eq. 1-5, 10)."""

import numpy as np
import pytest
import torch

from ukdlib.knowledge.fusion import fused_knowledge
from ukdlib.learning.losses import distillation_loss

TORCH = torch.Generator().manual_seed(0)
STUDENT = torch.randn(5, 4, generator=TORCH, dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2, 3, 0])
TARGET = torch.softmax(torch.randn(5, 4, generator=TORCH, dtype=torch.float64), dim=1)


def gradient(target, tau, alpha=0.5, constant=None):
    student = STUDENT.clone().requires_grad_()
    distillation_loss(student, LABELS, target, alpha, tau, constant=constant)[0].backward()
    return student.grad


def test_values_by_hand():
    # two classes, logits (ln 9, 0), tau 2: softmax (.9, .1), softened (.75, .25); the target is (.5, .5)
    student = torch.tensor([[np.log(9.0), 0.0]])
    loss, cross_entropy, divergence = distillation_loss(
        student, torch.tensor([0]), torch.tensor([[0.5, 0.5]]), 0.3, 2
    )
    kl = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    assert cross_entropy.item() == pytest.approx(-np.log(0.9), rel=1e-6)
    assert divergence.item() == pytest.approx(4 * kl, rel=1e-6)
    assert loss.item() == pytest.approx(0.3 * -np.log(0.9) + 0.7 * 4 * kl, rel=1e-6)


def test_alpha_weights_the_labels():
    for alpha, part in ((1.0, 1), (0.0, 2)):
        values = distillation_loss(STUDENT, LABELS, TARGET, alpha, 3.0)
        assert values[0].item() == pytest.approx(values[part].item(), rel=1e-12)


def test_a_student_that_knows_the_target_has_no_divergence():
    logits = 7.0 * TARGET.log() + 3.0
    assert distillation_loss(logits, LABELS, TARGET, 0.0, 7.0)[2].item() == pytest.approx(0, abs=1e-12)


def test_gradient_is_tau_times_the_difference_of_probabilities():
    # d/do of tau^2 KL(q || softmax(o / tau)) / N = tau (p - q) / N: what the factor tau^2 is for
    softened = torch.softmax(STUDENT / 6.0, dim=1)
    torch.testing.assert_close(gradient(TARGET, 6.0, alpha=0.0), 6.0 * (softened - TARGET) / 5)


def test_batchmean_is_c_times_mean():
    batchmean, mean = (
        distillation_loss(STUDENT, LABELS, TARGET, 0.0, 3.0, reduction)[0]
        for reduction in ("batchmean", "mean")
    )
    assert batchmean.item() == pytest.approx(4 * mean.item(), rel=1e-12)


def test_a_target_of_zeros_and_ones_is_finite():
    one_hot = torch.nn.functional.one_hot(LABELS, 4).double()
    _, cross_entropy, divergence = distillation_loss(STUDENT, LABELS, one_hot, 0.5, 1.0)
    assert divergence.item() == pytest.approx(cross_entropy.item(), rel=1e-12)


def test_avg1_and_avg2_have_equal_gradients_and_the_reported_avg1_is_the_mean_of_divergences():
    teachers = np.random.default_rng(0).normal(size=(3, 5, 4)) * 3
    tau = 4.0
    (first, _, constant), (second, _, _) = (
        fused_knowledge(method, teachers, LABELS.numpy(), tau) for method in ("avg1", "avg2")
    )
    targets = torch.from_numpy(first), torch.from_numpy(second)
    constant = torch.from_numpy(constant)
    torch.testing.assert_close(
        gradient(targets[0], tau, constant=constant), gradient(targets[1], tau), atol=1e-12, rtol=0
    )
    log_probs = torch.log_softmax(STUDENT / tau, dim=1)
    softened = torch.softmax(torch.from_numpy(teachers) / tau, dim=2)
    each = tau**2 * (softened * (softened.log() - log_probs)).sum(2).mean()  # Eq. 4
    reported = distillation_loss(STUDENT, LABELS, targets[0], 0.5, tau, constant=constant)[2]
    assert reported.item() == pytest.approx(each.item(), rel=1e-9)


def test_the_constant_is_scaled_like_the_divergence_and_leaves_the_loss_alone():
    constant = torch.full((5,), 0.1, dtype=torch.float64)
    for reduction, classes in (("batchmean", 1), ("mean", 4)):
        plain = distillation_loss(STUDENT, LABELS, TARGET, 0.5, 3.0, reduction)
        shifted = distillation_loss(STUDENT, LABELS, TARGET, 0.5, 3.0, reduction, constant)
        assert (shifted[2] - plain[2]).item() == pytest.approx(9 * 0.1 / classes, rel=1e-9)
        assert shifted[0].item() == plain[0].item()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0.5, 3.0, "sum"), "kl_reduction 'sum'; known"),
        ((1.5, 3.0), "alpha 1.5"),
        ((0.5, 0.0), "tau 0.0"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(ValueError, match=message):
        distillation_loss(STUDENT, LABELS, TARGET, *settings)


def test_a_clip_without_label_counts_by_its_divergence_alone():
    labels = LABELS.clone()
    labels[1:] = -1
    mixed = distillation_loss(STUDENT, labels, TARGET, 0.3, 3.0, unlabelled=2.0)
    first = distillation_loss(STUDENT[:1], LABELS[:1], TARGET[:1], 0.3, 3.0)[0]
    others = distillation_loss(STUDENT[1:], LABELS[1:], TARGET[1:], 0.0, 3.0)[0]
    count = len(labels)
    assert mixed[0].item() == pytest.approx((first + 2 * (count - 1) * others).item() / count)
    assert mixed[1].item() == pytest.approx(
        distillation_loss(STUDENT[:1], LABELS[:1], TARGET[:1], 0.3, 3.0)[1].item() / count
    )


def test_clips_without_labels_of_weight_0_have_no_gradient():
    student = STUDENT.clone().requires_grad_()
    labels = LABELS.clone()
    labels[1:] = -1
    distillation_loss(student, labels, TARGET, 0.3, 3.0, unlabelled=0.0)[0].backward()
    assert student.grad[0].abs().sum() > 0 and student.grad[1:].abs().max() == 0


def test_at_alpha_0_a_target_of_labels_teaches_what_labels_teach():
    one_hot = torch.nn.functional.one_hot(LABELS, STUDENT.shape[1]).to(STUDENT.dtype)
    gradients = []
    for alpha, target in ((0.0, one_hot), (1.0, TARGET)):
        student = STUDENT.clone().requires_grad_()
        distillation_loss(student, LABELS, target, alpha, 1.0)[0].backward()
        gradients.append(student.grad)
    torch.testing.assert_close(*gradients)
