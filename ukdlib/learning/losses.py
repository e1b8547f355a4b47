"""The student's loss: labels and stored knowledge (Eq. 1-3 and 10)."""

import torch
import torch.nn.functional as F

from ukdlib.settings.config import NO_LABEL

KL_REDUCTIONS = ("batchmean", "mean")


def distillation_loss(
    student_logits: torch.Tensor,
    labels: torch.Tensor,
    target: torch.Tensor,
    alpha: float,
    tau: float,
    kl_reduction: str = "batchmean",
    constant: torch.Tensor | None = None,
    unlabelled: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """
    Eq. 1: loss = alpha * cross-entropy + (1 - alpha) * divergence; returns (loss, cross-entropy, divergence).

    student_logits: (N, C); labels: (N,) int; target: (N, C) probabilities, already softened at `tau`.
    divergence: tau^2 * KL(target || softmax(student_logits / tau)) (Eq. 3, 10); kl_reduction: "batchmean" is
    the mean over clips of the sum over classes as in Eq. 3, "mean" divides by C as well.
    constant: (N,) the part of the KL missing from a stored target (AVG-1, Eq. 4), before the factor tau^2. It is
    independent of the student, so it is added only to the returned divergence and changes no gradient.
    A clip with label -1 has none: its loss is `unlabelled` times its divergence, whatever alpha; all means are over N.
    """
    if kl_reduction not in KL_REDUCTIONS:
        raise ValueError(f"losses: unknown kl_reduction {kl_reduction!r}; known: {list(KL_REDUCTIONS)}")
    if not (0 <= alpha <= 1 and tau > 0 and unlabelled >= 0):
        raise ValueError(
            f"losses: alpha {alpha} must be in [0, 1], tau {tau} positive and unlabelled {unlabelled} not negative"
        )
    scale = tau**2 / (student_logits.shape[1] if kl_reduction == "mean" else 1)
    cross_entropy = F.cross_entropy(student_logits, labels, ignore_index=NO_LABEL, reduction="none")
    log_probs = F.log_softmax(student_logits / tau, dim=1)
    divergence = scale * F.kl_div(log_probs, target, reduction="none").sum(dim=1)
    share = torch.full_like(divergence, 1 - alpha).masked_fill(labels == NO_LABEL, unlabelled)
    loss = (alpha * cross_entropy + share * divergence).mean()
    if constant is not None:
        divergence = divergence.detach() + scale * constant
    return loss, cross_entropy.detach().mean(), divergence.detach().mean()
