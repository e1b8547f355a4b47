"""
One training loop for teachers and students.

A teacher learns from labels; a student from labels and from stored knowledge (Eq. 1). After every epoch, and when
asked to stop (ukdlib.interruption), the state goes to a file, and the training goes on from there, bit for bit on
a CPU.
"""

import csv
import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ukdlib import interruption
from ukdlib.augment import Modality
from ukdlib.clips import Store, epoch_samples, load_steps
from ukdlib.inference import class_logits, prepare
from ukdlib.interruption import Interrupted
from ukdlib.losses import distillation_loss
from ukdlib.optimization import Learner
from ukdlib.resuming import Begun, load_state, random_state, save_state, set_random_state
from ukdlib.sealing import put_in_place

HISTORY = ("epoch", "lr", "loss", "cross_entropy", "divergence", "top1", "seconds")


@dataclass(frozen=True)
class Knowledge:
    """What a student is told beside the labels of its M videos: V stored targets for each."""

    target: np.ndarray  # (M, V, C) probabilities, softened at tau
    constant: np.ndarray  # (M, V), see ukdlib.losses
    tau: float
    alpha: float
    kl_reduction: str
    replay: int  # V if targets belong to views, which are shown in turn; 0 if they belong to videos


@dataclass(frozen=True)
class Lesson:
    """What one training learns from."""

    store: Store
    video_ids: Sequence[str]
    labels: np.ndarray  # (M,) int
    modality: Modality
    knowledge: Knowledge | None = None


@dataclass(frozen=True)
class Run:
    """Where one training runs and resumes."""

    seed: int
    device: torch.device
    state: str  # file that the state is kept in
    key: str = ""  # stands for code and frames: a state with another key is not resumed from


def fit(network: nn.Module, lesson: Lesson, recipe: dict[str, Any], run: Run) -> list[dict[str, Any]]:
    """
    Train `network` in place, as ukdlib.optimization moves it; returns a row per epoch.

    Goes on from run.state if that was written by the same training (settings, videos, knowledge, code).
    """
    torch.manual_seed(run.seed)
    learner = Learner(prepare(network, run.device), recipe)
    key = training_key(network, lesson, recipe, run)
    history, begun = load_state(run.state, key, learner)
    for epoch in range(len(history), recipe["epochs"]):

        def pause(done: Begun, epoch: int = epoch) -> NoReturn:
            save_state(run.state, key, learner, history, done)
            raise Interrupted(f"{run.state}: written after {epoch} epochs and {done.steps} steps")

        history.append(_train_epoch(learner, lesson, recipe, run.seed, epoch, begun, pause))
        begun = None
        save_state(run.state, key, learner, history)
        _say_progress(history, recipe["epochs"])
        if len(history) < recipe["epochs"] and interruption.requested():
            raise Interrupted(f"{run.state}: written after {len(history)} epochs")
    learner.finish()
    return history


def _train_epoch(
    learner: Learner,
    lesson: Lesson,
    recipe: dict[str, Any],
    seed: int,
    epoch: int,
    begun: Begun | None,
    pause: Callable[[Begun], NoReturn],
) -> dict[str, Any]:
    """Show every video once, or those that `begun` has left; returns a row of the history, means over the clips."""
    started = time.monotonic()
    replay = lesson.knowledge.replay if lesson.knowledge else 0
    samples = epoch_samples(lesson.video_ids, recipe, seed, epoch, replay)
    size = min(recipe["batch_size"], len(lesson.video_ids))
    steps = len(lesson.video_ids) // size
    first = begun.steps if begun else 0
    # left on the device: reading a value would make a GPU wait in every step
    measured = [values.to(learner.device) for values in begun.measured] if begun else []
    for step, batches in enumerate(load_steps(lesson.store, samples, recipe, first), start=first):
        if begun and step == first:
            set_random_state(begun.random)  # the loader has drawn a number of its own
        for batch in batches:
            logits = class_logits(learner.network, batch, recipe, lesson.modality)
            loss, *parts = lesson_loss(logits, batch.rows, lesson, epoch)
            share = len(batch.rows) / size
            (loss * share).backward()
            measured.append(torch.stack([loss.detach(), *parts]) * share / steps)
        learner.step(epoch + (step + 0.5) / steps, epoch * steps + step)
        if step + 1 < steps and interruption.requested():
            pause(Begun(step + 1, measured, random_state()))
    loss, cross_entropy, divergence, top1 = torch.stack(measured).sum(dim=0).tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"training: the loss is {loss} in epoch {epoch}; lr {recipe['lr']} may be too high"
        )
    lr, seconds = learner.optimizer.param_groups[0]["lr"], round(time.monotonic() - started, 3)
    values = (epoch, lr, loss, cross_entropy, divergence if lesson.knowledge else None, top1, seconds)
    return dict(zip(HISTORY, values, strict=True))


def lesson_loss(
    logits: torch.Tensor, rows: torch.Tensor, lesson: Lesson, epoch: int
) -> tuple[torch.Tensor, ...]:
    """
    (loss, cross-entropy, divergence, top-1 accuracy) of a batch; only the first carries gradients.

    logits: (n, C) of the videos number `rows` (n,) of the lesson, as shown in `epoch`.
    """
    labels = torch.from_numpy(lesson.labels[rows]).to(logits.device)
    top1 = (logits.argmax(dim=1) == labels).float().mean()
    knowledge = lesson.knowledge
    if knowledge is None:
        loss = F.cross_entropy(logits, labels)
        return loss, loss.detach(), torch.zeros_like(top1), top1
    view = epoch % knowledge.target.shape[1]
    target, constant = (
        torch.from_numpy(stored[rows, view]).to(logits.device)
        for stored in (knowledge.target, knowledge.constant)
    )
    settings = knowledge.alpha, knowledge.tau, knowledge.kl_reduction
    return *distillation_loss(logits, labels, target, *settings, constant), top1


def training_key(network: nn.Module, lesson: Lesson, recipe: dict[str, Any], run: Run) -> str:
    """Hash of all that a training's result depends on."""
    shapes = [[name, list(value.shape)] for name, value in network.state_dict().items()]
    settings = [shapes, list(lesson.video_ids), asdict(lesson.modality), recipe, run.seed, run.key]
    digest = hashlib.sha256(json.dumps(settings).encode())
    digest.update(np.ascontiguousarray(lesson.labels).tobytes())
    if (knowledge := lesson.knowledge) is not None:
        digest.update(
            repr((knowledge.tau, knowledge.alpha, knowledge.kl_reduction, knowledge.replay)).encode()
        )
        digest.update(np.ascontiguousarray(knowledge.target).tobytes())
    return digest.hexdigest()


def write_history(path: str, history: list[dict[str, Any]]) -> None:
    """CSV with a row per epoch; divergence is empty for a teacher."""
    with open(f"{path}.part", "w", newline="") as file:
        writer = csv.DictWriter(file, HISTORY)
        writer.writeheader()
        writer.writerows(history)
    put_in_place(f"{path}.part", path)


def _say_progress(history: list[dict[str, Any]], epochs: int) -> None:
    row = history[-1]
    left = (epochs - len(history)) * sum(r["seconds"] for r in history) / len(history)
    print(
        f"epoch {len(history)}/{epochs}: loss {row['loss']:.3f}, top-1 {100 * row['top1']:.1f} %, "
        f"{row['seconds']:.1f} s, {left:.0f} s left",
        file=sys.stderr,
    )
