"""
One training loop for teachers and students.

A teacher learns from labels; a student from labels and from stored knowledge (Eq. 1). After every epoch the
state goes to a file, and a training that was interrupted goes on from there, bit for bit on a CPU.
"""

import csv
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ukdlib.augment import Modality
from ukdlib.clips import Store, epoch_samples, load_steps
from ukdlib.inference import class_logits, prepare
from ukdlib.losses import distillation_loss
from ukdlib.optimization import Learner

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
    history = load_state(run.state, key, learner)
    for epoch in range(len(history), recipe["epochs"]):
        history.append(_train_epoch(learner, lesson, recipe, run.seed, epoch))
        save_state(run.state, key, learner, history)
        _say_progress(history, recipe["epochs"])
    learner.finish()
    return history


def _train_epoch(
    learner: Learner, lesson: Lesson, recipe: dict[str, Any], seed: int, epoch: int
) -> dict[str, Any]:
    """Show every video once; returns a row of the history, its values means over the epoch's clips."""
    began = time.monotonic()
    replay = lesson.knowledge.replay if lesson.knowledge else 0
    samples = epoch_samples(lesson.video_ids, recipe, seed, epoch, replay)
    size = min(recipe["batch_size"], len(lesson.video_ids))
    steps = len(lesson.video_ids) // size
    measured = []  # left on the device: reading a value would make a GPU wait in every step
    for step, batches in enumerate(load_steps(lesson.store, samples, recipe)):
        for batch in batches:
            logits = class_logits(learner.network, batch, recipe, lesson.modality)
            loss, *parts = lesson_loss(logits, batch.rows, lesson, epoch)
            share = len(batch.rows) / size
            (loss * share).backward()
            measured.append(torch.stack([loss.detach(), *parts]) * share / steps)
        learner.step(epoch + (step + 0.5) / steps, epoch * steps + step)
    loss, cross_entropy, divergence, top1 = torch.stack(measured).sum(dim=0).tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"training: the loss is {loss} in epoch {epoch}; lr {recipe['lr']} may be too high"
        )
    lr, seconds = learner.optimizer.param_groups[0]["lr"], round(time.monotonic() - began, 3)
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


def save_state(path: str, key: str, learner: Learner, history: list[dict[str, Any]]) -> None:
    """Write the state after an epoch: weights, momenta, moving average, random numbers, history."""
    random = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}
    state = {"key": key, "learner": learner.state_dict(), "random": random, "history": history}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def load_state(path: str, key: str, learner: Learner) -> list[dict[str, Any]]:
    """
    Put the state that `path` holds in place; returns its history, [] if there is no state of this key.
    """
    if not Path(path).exists():
        return []
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["key"] != key:
        print(f"{path}: of a training with other settings, not resumed", file=sys.stderr)
        return []
    learner.load_state_dict(state["learner"])
    torch.set_rng_state(state["random"]["cpu"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["random"]["cuda"])
    print(f"{path}: resumed after {len(state['history'])} epochs", file=sys.stderr)
    return state["history"]


def discard_state(path: str) -> None:
    """Remove the state of a training whose checkpoint has been written."""
    Path(path).unlink(missing_ok=True)


def write_history(path: str, history: list[dict[str, Any]]) -> None:
    """CSV with a row per epoch; divergence is empty for a teacher."""
    with open(f"{path}.part", "w", newline="") as file:
        writer = csv.DictWriter(file, HISTORY)
        writer.writeheader()
        writer.writerows(history)
    os.replace(f"{path}.part", path)


def _say_progress(history: list[dict[str, Any]], epochs: int) -> None:
    row = history[-1]
    left = (epochs - len(history)) * sum(r["seconds"] for r in history) / len(history)
    print(
        f"epoch {len(history)}/{epochs}: loss {row['loss']:.3f}, top-1 {100 * row['top1']:.1f} %, "
        f"{row['seconds']:.1f} s, {left:.0f} s left",
        file=sys.stderr,
    )
