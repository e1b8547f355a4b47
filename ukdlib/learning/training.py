"""
One training loop for teachers and students.

A teacher learns from labels; a student from labels and from stored knowledge (Eq. 1). After every epoch, and on a
request to stop (ukdlib.machine.interruption), the training state is written to a file from which the training
resumes, bit for bit on a CPU.
"""

import csv
import hashlib
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ukdlib.artifacts.sealing import beside
from ukdlib.learning.augment import Modality
from ukdlib.learning.batches import Batch
from ukdlib.learning.clips import epoch_samples, load_steps
from ukdlib.learning.inference import class_logits, prepare
from ukdlib.learning.kept import Frames, keep
from ukdlib.learning.losses import distillation_loss
from ukdlib.learning.optimization import Learner
from ukdlib.learning.resuming import Begun, load_state, save_state
from ukdlib.machine import distributed, interruption
from ukdlib.machine.torchrun import call_together
from ukdlib.machine.transfers import upload
from ukdlib.networks import Carried

HISTORY = ("epoch", "lr", "loss", "cross_entropy", "divergence", "top1", "seconds")


@dataclass(frozen=True)
class Knowledge:
    """The stored knowledge of a student, beside the labels of its M videos: V targets for each."""

    target: np.ndarray  # (M, V, C) probabilities, softened at tau
    constant: np.ndarray  # (M, V), see ukdlib.learning.losses
    tau: float
    alpha: float
    kl_reduction: str
    replay: int  # V if targets belong to views, which are used in turn; 0 if they belong to videos
    unlabelled: float = 1.0  # weight of a clip without label, of which a student learns by its target alone


@dataclass(frozen=True)
class Lesson:
    """What one training learns from."""

    store: Frames
    video_ids: Sequence[str]
    labels: np.ndarray  # (M,) int; -1: no label, which takes knowledge
    modality: Modality
    knowledge: Knowledge | None = None


@dataclass(frozen=True)
class Run:
    """Where one training runs and resumes."""

    seed: int
    device: torch.device
    state: str  # file of the training state
    key: str = ""  # identifies code and frames: a state with another key is not resumed
    processes: int = 1  # that train together, each on its own GPU if there are any


class Answers:
    """What a lesson's videos are to be recognised as in one epoch, on the network's device: (M,), (M, C), (M,)."""

    def __init__(self, lesson: Lesson, epoch: int, device: torch.device):
        self.knowledge = lesson.knowledge
        self.labels = upload(torch.from_numpy(lesson.labels), device)
        if self.knowledge is not None:
            view = epoch % self.knowledge.target.shape[1]
            stored = self.knowledge.target, self.knowledge.constant
            self.target, self.constant = (
                upload(torch.from_numpy(np.ascontiguousarray(values[:, view])), device) for values in stored
            )


@dataclass(frozen=True)
class Epoch:
    """One pass over a lesson's videos."""

    number: int
    lesson: Lesson
    recipe: dict[str, Any]
    seed: int

    @property
    def batch_size(self) -> int:
        """Clips per step, of all processes together."""
        return min(self.recipe["batch_size"], len(self.lesson.video_ids))

    @property
    def steps(self) -> int:
        """Number of weight updates."""
        return len(self.lesson.video_ids) // self.batch_size

    def batches(self, first: int) -> Iterator[list[Batch]]:
        """The clips of this process for each step from number `first` on."""
        replay = self.lesson.knowledge.replay if self.lesson.knowledge else 0
        samples = epoch_samples(self.lesson.video_ids, self.recipe, self.seed, self.number, replay)
        return load_steps(self.lesson.store, samples, self.recipe, first)


def fit(network: nn.Module, lesson: Lesson, recipe: dict[str, Any], run: Run) -> list[dict[str, Any]]:
    """
    Train `network` in place with ukdlib.learning.optimization; returns a row per epoch.

    Resumes from run.state if that was written by the same training (settings, videos, knowledge, code).
    Several processes (run.processes) train first and leave a finished state, which is then resumed here.
    """
    if run.processes > distributed.world():
        _check_processes(lesson, recipe, run.processes)
        call_together(run.processes, run.device.type, fit, (Carried(network), lesson, recipe, run))
    torch.manual_seed(run.seed + (distributed.rank() << 32))  # processes draw other numbers for dropout
    learner = Learner(prepare(network, run.device), recipe)
    key = training_key(network, lesson, recipe, run)
    history, begun = load_state(run.state, key, learner)
    if len(history) < recipe["epochs"]:
        reading = recipe["cache"], run.device, recipe["workers"]
        lesson = replace(lesson, store=keep(lesson.store, lesson.video_ids, *reading))
    while len(history) < recipe["epochs"]:
        started, epoch = time.monotonic(), Epoch(len(history), lesson, recipe, run.seed)
        for steps, measured in _train_epoch(learner, epoch, begun):
            if steps < epoch.steps and distributed.agree(interruption.requested()):
                save_state(run.state, key, learner, history, Begun(steps, measured))
                interruption.leave(f"{run.state}: written after {epoch.number} epochs and {steps} steps")
        begun = None
        history.append(_summary(learner, epoch, measured, time.monotonic() - started))
        save_state(run.state, key, learner, history)
        _say_progress(history, recipe["epochs"])
        if len(history) < recipe["epochs"] and distributed.agree(interruption.requested()):
            interruption.leave(f"{run.state}: written after {len(history)} epochs")
    learner.finish()
    return history


def _check_processes(lesson: Lesson, recipe: dict[str, Any], processes: int) -> None:
    size = Epoch(0, lesson, recipe, 0).batch_size
    if processes > size:
        raise ValueError(
            f"training: {processes} processes (gpus) cannot share the {size} clips of a step; take {size} or fewer"
        )


def _train_epoch(
    learner: Learner, epoch: Epoch, begun: Begun | None
) -> Iterator[tuple[int, list[torch.Tensor]]]:
    """
    Train on every video once, or on those remaining after `begun`.

    After each step yields the number of finished steps and this process's measurements: parts that sum to means.
    """
    first = begun.steps if begun else 0
    # kept on the device: reading a value would stall a GPU in every step
    measured = [values.to(learner.device) for values in begun.measured] if begun else []
    answers = Answers(epoch.lesson, epoch.number, learner.device)
    for step, batches in enumerate(epoch.batches(first), start=first):
        for batch in batches[:-1]:
            with distributed.alone(learner.parallel):
                measured.append(learn(learner, epoch, batch, answers))
        measured.append(learn(learner, epoch, batches[-1], answers))
        learner.step(epoch.number + (step + 0.5) / epoch.steps, epoch.number * epoch.steps + step)
        yield step + 1, measured


def learn(learner: Learner, epoch: Epoch, batch: Batch, answers: Answers) -> torch.Tensor:
    """Accumulate a batch's gradients; returns its part (5,) of the epoch's means, as a lesson_loss."""
    logits = class_logits(learner.parallel, batch, epoch.recipe, epoch.lesson.modality)
    loss, *parts = lesson_loss(logits, upload(batch.rows, learner.device), answers)
    share = len(batch.rows) / epoch.batch_size
    (loss * (share * distributed.world())).backward()  # averaged over processes
    return torch.stack([loss.detach(), *parts]) * share / epoch.steps


def _summary(learner: Learner, epoch: Epoch, measured: list[torch.Tensor], seconds: float) -> dict[str, Any]:
    """A row of the history: means over the clips; cross-entropy and accuracy over those with labels."""
    means = distributed.total(torch.stack(measured).sum(dim=0))
    loss, cross_entropy, divergence, top1, labelled = means.tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"training: the loss is {loss} in epoch {epoch.number}; lr {epoch.recipe['lr']} may be too high"
        )
    lr, known = learner.optimizer.param_groups[0]["lr"], epoch.lesson.knowledge is not None
    labelled = labelled or math.nan  # an epoch drops its last clips: none of the others may have a label
    of_labels = cross_entropy / labelled, divergence if known else None, top1 / labelled
    values = (epoch.number, lr, loss, *of_labels, round(seconds, 3))
    return dict(zip(HISTORY, values, strict=True))


def lesson_loss(logits: torch.Tensor, rows: torch.Tensor, answers: Answers) -> tuple[torch.Tensor, ...]:
    """
    (loss, cross-entropy, divergence, top-1 accuracy, share with labels) of a batch; only the first carries gradients.

    logits: (n, C) of the videos number `rows` (n,) of the lesson. All are means over n: a clip without label adds
    nothing to cross-entropy and accuracy. Nothing waits for the device.
    """
    labels = answers.labels[rows]
    top1 = (logits.argmax(dim=1) == labels).float().mean()
    knowledge = answers.knowledge
    if knowledge is None:
        loss = F.cross_entropy(logits, labels)
        return loss, loss.detach(), torch.zeros_like(top1), top1, torch.ones_like(top1)
    settings = knowledge.alpha, knowledge.tau, knowledge.kl_reduction, answers.constant[rows]
    losses = distillation_loss(logits, labels, answers.target[rows], *settings, knowledge.unlabelled)
    return *losses, top1, (labels >= 0).float().mean()


def training_key(network: nn.Module, lesson: Lesson, recipe: dict[str, Any], run: Run) -> str:
    """Hash of all that a training's result depends on."""
    shapes = [[name, list(value.shape)] for name, value in network.state_dict().items()]
    # how clips are read does not matter
    recipe = {key: value for key, value in recipe.items() if key not in ("workers", "cache")}
    settings = [shapes, list(lesson.video_ids), asdict(lesson.modality), recipe, run.seed, run.key]
    digest = hashlib.sha256(json.dumps(settings).encode())
    digest.update(np.ascontiguousarray(lesson.labels).tobytes())
    if (knowledge := lesson.knowledge) is not None:
        numbers = [
            getattr(knowledge, field.name) for field in fields(knowledge)[2:]
        ]  # beside target and constant
        digest.update(repr(numbers).encode())
        digest.update(np.ascontiguousarray(knowledge.target).tobytes())
    return digest.hexdigest()


def write_history(path: str, history: list[dict[str, Any]]) -> None:
    """CSV with a row per epoch; divergence is empty for a teacher."""
    with beside(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, HISTORY)
        writer.writeheader()
        writer.writerows(history)


def _say_progress(history: list[dict[str, Any]], epochs: int) -> None:
    row = history[-1]
    left = (epochs - len(history)) * sum(r["seconds"] for r in history) / len(history)
    print(
        f"epoch {len(history)}/{epochs}: loss {row['loss']:.3f}, top-1 {100 * row['top1']:.1f} %, "
        f"{row['seconds']:.1f} s, {left:.0f} s left",
        file=sys.stderr,
    )
