"""
Cost of a student's training step with K teachers (Table 4): knowledge from files or teachers in memory.

Every case has a process of its own, with one thread, and takes its steps on random clips. On a CPU all take them in
turn, so that whatever else the machine does meets all of them; time is CPU time and memory the peak resident size of
the whole process: libraries, data and network. On a GPU, which holds one case at a time, they come one after another;
time is elapsed time and memory the peak allocated by torch.
"""

import csv
import itertools
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
from ukdlib.learning.inference import forward, input_clips, prepare
from ukdlib.learning.losses import distillation_loss
from ukdlib.learning.views import random_views
from ukdlib.machine.devices import choose_device
from ukdlib.networks import initial_network

COLUMNS = ("mode", "teachers", "seconds_per_step", "ratio", "peak_memory_mb")
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
WARMUP_STEPS = 3  # allocators and convolutions settle
VIDEOS = 4096  # whose knowledge the student holds, about as many as ARID's training videos


@dataclass(frozen=True)
class Setup:
    """The student whose step is measured; teachers are of the same architecture."""

    network: dict[str, Any]
    recipe: dict[str, Any]
    modality: Modality
    classes: list[str]
    device: str  # cpu or cuda
    steps: int


def measure_costs(setup: Setup, cases: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """
    A row (COLUMNS) per case (mode, number of teachers); of "online" at least one teacher.

    seconds_per_step is the median over the steps; ratio that of each step to the one that the first case with a teacher
    takes in the same turn, so that it says nothing of what else the machine did.
    """
    taken: list[list[float]] = []
    memory: list[float] = []
    for group in [cases] if setup.device == "cpu" else [[case] for case in cases]:
        with _processes(setup, group) as ask:
            turns = [
                [ask(place, "step") for place in range(len(group))] for _ in range(WARMUP_STEPS + setup.steps)
            ]
            memory += [ask(place, "memory") for place in range(len(group))]
        taken += zip(*turns[WARMUP_STEPS:], strict=True)  # type: ignore[arg-type]
    seconds = np.array(taken)
    first = next((number for number, (_, teachers) in enumerate(cases) if teachers), 0)
    times, ratios = np.median(seconds, axis=1), np.median(seconds / seconds[first], axis=1)
    rows = zip(cases, times.tolist(), ratios.tolist(), memory, strict=True)
    return [dict(zip(COLUMNS, (*case, *measured), strict=True)) for case, *measured in rows]


@contextmanager
def _processes(setup: Setup, cases: Sequence[tuple[str, int]]) -> Iterator[Callable[[int, str], float]]:
    """A process for each case; a function that has the one in some place take a step, or state its memory."""
    context = multiprocessing.get_context(
        "fork"
    )  # shares the imports of this process, which never touches a GPU
    pipes, processes = [], []
    for case in cases:
        own, theirs = context.Pipe()
        pipes.append(own)
        processes.append(context.Process(target=_serve, args=(theirs, pipes, setup, *case)))
        processes[-1].start()
        theirs.close()

    def ask(place: int, what: str) -> float:
        """The answer of one process."""
        try:
            pipes[place].send(what)
            return pipes[place].recv()
        except (EOFError, OSError):
            mode, teachers = cases[place]
            raise RuntimeError(
                f"cost: the process of {teachers} teachers, {mode}, failed; see above"
            ) from None

    try:
        yield ask
    finally:
        for process in processes:
            process.terminate()
            process.join()


def write_costs(path: str, rows: list[dict[str, Any]]) -> None:
    """CSV with COLUMNS."""
    with beside(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _serve(pipe: Any, inherited: Sequence[Any], setup: Setup, mode: str, teachers: int) -> None:
    """
    What the process of one case does, until it is terminated or its parent is gone, however that ended.

    inherited: the parent's ends of pipes; open here they would keep it waiting for ever, with a lock on a GPU.
    """
    for end in inherited:
        end.close()
    device = choose_device(setup.device)
    steps = take_steps(setup, mode, teachers, device)
    with suppress(EOFError):
        while True:
            pipe.send(next(steps) if pipe.recv() == "step" else _peak_memory(device))


def take_steps(setup: Setup, mode: str, teachers: int, device: torch.device) -> Iterator[float]:
    """The seconds of one training step after another."""
    channels, recipe = setup.modality.channels, setup.recipe
    student = prepare(initial_network(setup.network, len(setup.classes), channels, 0), device).train()
    optimizer = torch.optim.SGD(student.parameters(), 1e-3, momentum=0.9)
    batch, labels = random_batch(setup)
    target_of = TARGETS[mode](setup, teachers, labels, device)
    answers, alpha = labels.to(device), ALPHA if teachers else 1.0
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    while True:
        began = clock()
        clips = input_clips(batch, recipe["crop"], setup.modality, device)
        logits = forward(student, clips, recipe["precision"])
        loss, *_ = distillation_loss(logits, answers, target_of(clips), alpha, TAU)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), recipe["clip_grad"])
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        yield clock() - began


def random_batch(setup: Setup) -> tuple[Batch, torch.Tensor]:
    """A batch of noise as large as the recipe's, and random labels."""
    recipe, n = setup.recipe, setup.recipe["batch_size"]
    low, high = recipe["short_side"]
    generator = torch.Generator().manual_seed(0)
    shape = (n, recipe["frames"], int(high), int(high * 4 / 3), setup.modality.channels)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    views = random_views([str(i) for i in range(n)], range(n), recipe["crop"], (low, high), recipe["flip"])
    labels = torch.randint(0, len(setup.classes), (n,), generator=generator)
    return Batch(frames, torch.tensor(shape[2:4]).expand(n, 2), views, torch.arange(n)), labels


# target (n, C) of the clips that the student sees, (n, channels, T, crop, crop)
Target = Callable[[torch.Tensor], torch.Tensor]


def stored_targets(setup: Setup, teachers: int, labels: torch.Tensor, device: torch.device) -> Target:
    """From the knowledge of VIDEOS videos on the device, fused once from the logit files of K teachers."""
    if teachers == 0:  # no knowledge: the loss gives the target no weight
        known = np.full((VIDEOS, 1, len(setup.classes)), 1 / len(setup.classes), np.float32)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/fused.parquet"
            # in the pipeline fusion is a separate job, so its memory is not the student's
            fusion = multiprocessing.get_context("fork").Process(
                target=_fuse_through_files, args=(path, setup, teachers)
            )
            fusion.start()
            fusion.join()
            student = {"alpha": ALPHA, "kl_reduction": "batchmean"}
            known = read_knowledge([path], _video_ids(), setup.classes, FUSION, student).target
    stored = torch.from_numpy(np.ascontiguousarray(known[:, 0])).to(device)
    begins = itertools.cycle(range(0, VIDEOS - len(labels), len(labels)))
    return lambda _: stored[(begin := next(begins)) : begin + len(labels)]


def online_targets(setup: Setup, teachers: int, labels: torch.Tensor, device: torch.device) -> Target:
    """From K networks in memory, which are run in every step on the clips that are on the device for the student."""
    networks = [
        prepare(initial_network(setup.network, len(setup.classes), setup.modality.channels, k), device).eval()
        for k in range(1, teachers + 1)
    ]

    def target(clips: torch.Tensor) -> torch.Tensor:
        """Their fused predictions."""
        with torch.no_grad():
            logits = torch.stack([forward(each, clips, setup.recipe["precision"]) for each in networks])
        fused, _, _ = fused_knowledge(METHOD, logits.cpu().numpy(), labels.numpy(), TAU)
        return torch.from_numpy(fused.astype(np.float32)).to(device)

    return target


TARGETS: dict[str, Callable[..., Target]] = {"stored": stored_targets, "online": online_targets}


def synthetic_logits(teachers: int, labels: np.ndarray, classes: int) -> np.ndarray:
    """(K, n, C) logits of synthetic teachers that favour the true class."""
    logits = np.random.default_rng(0).normal(size=(teachers, len(labels), classes))
    logits[:, np.arange(len(labels)), labels] += 2
    return logits.astype(np.float32)


def _video_ids() -> list[str]:
    return [f"{i:06d}" for i in range(VIDEOS)]


def _fuse_through_files(path: str, setup: Setup, teachers: int) -> None:
    """Write the fusion's file `path` from files of K teachers beside it, as in the pipeline."""
    labels = np.arange(VIDEOS) % len(setup.classes)
    video_ids, views = np.array(_video_ids()), np.zeros(VIDEOS, int)
    files = [str(Path(path).with_name(f"{k}.parquet")) for k in range(teachers)]
    for file, logits in zip(files, synthetic_logits(teachers, labels, len(setup.classes)), strict=True):
        write_logits(file, LogitRows(video_ids, views, labels, logits, setup.classes))
    fuse_files(path, files, FUSION, {})


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # Linux counts in KiB
