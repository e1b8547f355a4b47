"""
Cost of a student's training step with K teachers (Table 4): knowledge from files or teachers in memory.

Every case runs in its own process, with one thread, on random clips. On a CPU, time is CPU time (other
jobs do not count) and memory the peak resident size of that whole process: libraries, data and network. On
a GPU, time is elapsed time and memory the peak allocated by torch.
"""

import csv
import itertools
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ukdlib.artifacts.sealing import beside
from ukdlib.knowledge.ensemble import fuse_files
from ukdlib.knowledge.fusion import fused_knowledge
from ukdlib.knowledge.logits import LogitRows, write_logits
from ukdlib.knowledge.targets import read_knowledge
from ukdlib.learning.augment import Modality
from ukdlib.learning.batches import Batch
from ukdlib.learning.inference import class_logits, prepare
from ukdlib.learning.losses import distillation_loss
from ukdlib.learning.views import random_views
from ukdlib.machine.devices import choose_device
from ukdlib.networks import initial_network

COLUMNS = ("mode", "teachers", "seconds_per_step", "peak_memory_mb")
MODES = ("stored", "online")
ALPHA, TAU, METHOD = 0.5, 20.0, "pkd"
FUSION = {
    "method": METHOD,
    "tau": TAU,
    "h": 0.99,
    "weight_temperature": 1.0,
    "fuse_as": "probabilities",
    "target": "view",
    "out_of_fold": False,
    "consensus": False,
}
WARMUP_STEPS = 1
VIDEOS = 4096  # whose knowledge the student holds, about as many as ARID's training videos


@dataclass(frozen=True)
class Case:
    """The student whose step is measured; teachers are of the same architecture."""

    network: dict[str, Any]
    recipe: dict[str, Any]
    modality: Modality
    classes: list[str]
    device: str
    steps: int


def measure_costs(
    case: Case, teacher_counts: Sequence[int], modes: Sequence[str] = MODES
) -> list[dict[str, Any]]:
    """A row (COLUMNS) per mode and number of teachers; without teachers only "stored"."""
    pairs = [
        (mode, teachers) for mode in modes for teachers in teacher_counts if teachers or mode == "stored"
    ]
    # forked children share the parent's imports; the parent never touches the GPU
    context = multiprocessing.get_context("fork")
    rows = []
    for mode, teachers in pairs:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_measure_into, args=(sender, case, mode, teachers))
        child.start()
        sender.close()
        try:
            values = receiver.recv()
        except EOFError:
            raise RuntimeError(
                f"cost: the process of {teachers} teachers, {mode}, failed; see above"
            ) from None
        finally:
            child.join()
        rows.append(dict(zip(COLUMNS, (mode, teachers, *values), strict=True)))
    return rows


def write_costs(path: str, rows: list[dict[str, Any]]) -> None:
    """CSV with COLUMNS."""
    with beside(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def measure_case(case: Case, mode: str, teachers: int) -> tuple[float, float]:
    """(median seconds per step, peak memory in MB) in this process."""
    torch.set_num_threads(1)
    device = choose_device(case.device)
    student = prepare(
        initial_network(case.network, len(case.classes), case.modality.channels, 0), device
    ).train()
    optimizer = torch.optim.SGD(student.parameters(), 1e-3, momentum=0.9)
    batch, labels = random_batch(case)
    targets = TARGETS[mode](case, teachers, batch, labels, device)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    seconds = []
    for _ in range(WARMUP_STEPS + case.steps):
        began = clock()
        logits = class_logits(student, batch, case.recipe, case.modality)
        alpha = ALPHA if teachers else 1.0
        loss, *_ = distillation_loss(logits, labels.to(device), next(targets), alpha, TAU)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), case.recipe["clip_grad"])
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - began)
    return statistics.median(seconds[WARMUP_STEPS:]), _peak_memory(device)


def random_batch(case: Case) -> tuple[Batch, torch.Tensor]:
    """A batch of noise as large as the recipe's, and random labels."""
    recipe, n = case.recipe, case.recipe["batch_size"]
    low, high = recipe["short_side"]
    generator = torch.Generator().manual_seed(0)
    shape = (n, recipe["frames"], int(high), int(high * 4 / 3), case.modality.channels)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    views = random_views([str(i) for i in range(n)], range(n), recipe["crop"], (low, high), recipe["flip"])
    labels = torch.randint(0, len(case.classes), (n,), generator=generator)
    return Batch(frames, torch.tensor(shape[2:4]).expand(n, 2), views, torch.arange(n)), labels


def stored_targets(
    case: Case, teachers: int, batch: Batch, labels: torch.Tensor, device: torch.device
) -> Iterator[torch.Tensor]:
    """Targets (n, C) from the knowledge of VIDEOS videos, fused once from the logit files of K teachers."""
    if teachers == 0:  # no knowledge: the loss gives the target no weight
        known = np.full((VIDEOS, 1, len(case.classes)), 1 / len(case.classes), np.float32)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/fused.parquet"
            # in the pipeline fusion is a separate job, so its memory is not the student's
            fusion = multiprocessing.get_context("fork").Process(
                target=_fuse_through_files, args=(path, case, teachers)
            )
            fusion.start()
            fusion.join()
            student = {"alpha": ALPHA, "kl_reduction": "batchmean"}
            known = read_knowledge([path], _video_ids(), case.classes, FUSION, student).target
    for begin in itertools.cycle(range(0, VIDEOS - len(labels), len(labels))):
        yield torch.from_numpy(known[begin : begin + len(labels), 0]).to(device)


def online_targets(
    case: Case, teachers: int, batch: Batch, labels: torch.Tensor, device: torch.device
) -> Iterator[torch.Tensor]:
    """The target of the batch from K networks in memory, which are run on the batch in every step."""
    networks = [
        prepare(initial_network(case.network, len(case.classes), case.modality.channels, k), device).eval()
        for k in range(1, teachers + 1)
    ]
    while True:
        with torch.no_grad():
            logits = torch.stack([class_logits(n, batch, case.recipe, case.modality) for n in networks])
        target, _, _ = fused_knowledge(METHOD, logits.cpu().numpy(), labels.numpy(), TAU)
        yield torch.from_numpy(target.astype(np.float32)).to(device)


TARGETS = {"stored": stored_targets, "online": online_targets}


def synthetic_logits(teachers: int, labels: np.ndarray, classes: int) -> np.ndarray:
    """(K, n, C) logits of synthetic teachers that favour the true class."""
    logits = np.random.default_rng(0).normal(size=(teachers, len(labels), classes))
    logits[:, np.arange(len(labels)), labels] += 2
    return logits.astype(np.float32)


def _video_ids() -> list[str]:
    return [f"{i:06d}" for i in range(VIDEOS)]


def _fuse_through_files(path: str, case: Case, teachers: int) -> None:
    """Write the fusion's file `path` from files of K teachers beside it, as in the pipeline."""
    labels = np.arange(VIDEOS) % len(case.classes)
    video_ids, views = np.array(_video_ids()), np.zeros(VIDEOS, int)
    files = [str(Path(path).with_name(f"{k}.parquet")) for k in range(teachers)]
    for file, logits in zip(files, synthetic_logits(teachers, labels, len(case.classes)), strict=True):
        write_logits(file, LogitRows(video_ids, views, labels, logits, case.classes))
    fuse_files(path, files, FUSION, {})


def _measure_into(sender: Any, case: Case, mode: str, teachers: int) -> None:
    sender.send(measure_case(case, mode, teachers))


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # Linux counts in KiB
