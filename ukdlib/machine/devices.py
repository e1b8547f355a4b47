"""
Which device a job computes on, and GPUs shared by the jobs of one machine without conflicts.

Jobs that run in parallel on one machine each take locks on as many GPUs as they compute on. The kernel frees
them when the process ends, however it ends. Call lease_gpus() before torch is imported; only choose_device()
imports it.
"""

import fcntl
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
NO_GPU = "No devices were found"  # nvidia-smi's words
NO_DEVICE = ("", "-1", "NoDevFiles")  # values of CUDA_VISIBLE_DEVICES that mean "none"
PREFIX = "ukd-gpu-locks-"
_held: list[int] = []  # file descriptors of this process's locks, open until it ends


def choose_device(name: str) -> "torch.device":
    """
    The device called "cpu" or "cuda"; "auto" is cuda where there is one.

    On a CPU torch computes in one thread from now on: jobs run in parallel, and sums are the same on any machine.
    """
    import torch

    if name not in DEVICES:
        raise ValueError(f"unknown device {name!r}; known: {list(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was requested, but torch finds no GPU here; use auto or cpu")
    if name == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(1)
        return torch.device("cpu")
    return torch.device("cuda")


def lease_gpus(
    device: str, count: int = 1, lock_folder: str | None = None, timeout: float = 24 * 3600
) -> list[str]:
    """
    Wait for `count` free GPUs, make them the only visible ones and return their ids ([] where there are none).

    Device "cpu" hides all GPUs. The pool is that of gpu_pool(): a SLURM job divides up its own allocation.
    lock_folder: on a local disk, the same for all jobs; timeout: seconds.
    """
    pool = gpu_pool() if device != "cpu" else []
    if pool and count > len(pool):
        raise ValueError(f"{count} GPUs were requested, but there are only {len(pool)}: {', '.join(pool)}")
    leased = _wait_for_locks(pool, count, Path(lock_folder or _default_folder()), timeout) if pool else []
    if leased:
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # number GPUs as nvidia-smi does
        print(f"GPU {', '.join(leased)} of {', '.join(pool)}", file=sys.stderr)
    elif device == "auto":
        print("no GPU here: computing on the CPU", file=sys.stderr)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(leased)
    return leased


def held_locks() -> tuple[int, ...]:
    """File descriptors of the leases, for a child process that computes on their GPUs and must hold them, too."""
    return tuple(_held)


def gpu_pool() -> list[str]:
    """
    Ids of the GPUs that this process may use: numbers, UUIDs or MIG names.

    From CUDA_VISIBLE_DEVICES, else from nvidia-smi; a SLURM job without allocated GPUs has none. Raises RuntimeError
    if nvidia-smi exists and fails.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "" if "SLURM_JOB_ID" in os.environ else None)
    if visible is not None:
        named = (gpu.strip() for gpu in visible.split(","))
        return list(dict.fromkeys(gpu for gpu in named if gpu not in NO_DEVICE))
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return []
    said = (listed.stdout + listed.stderr).strip()
    if listed.returncode and NO_GPU not in said:
        raise RuntimeError(
            f"nvidia-smi cannot list the GPUs: {said!r}; repair it, list them in CUDA_VISIBLE_DEVICES, or "
            "compute without GPUs: run.device: cpu"
        )
    return listed.stdout.split() if listed.returncode == 0 else []


def _default_folder() -> Path:
    # SLURM jobs confined to their own devices all number them from 0: one folder per job
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}" / os.environ.get("SLURM_JOB_ID", "local")


def _wait_for_locks(pool: list[str], count: int, folder: Path, timeout: float) -> list[str]:
    """Only the holder of the gate collects locks, so two jobs that need several GPUs cannot deadlock."""
    _make_own(folder)
    end = time.monotonic() + timeout
    files = {gpu: folder / f"{gpu.replace('/', '_')}.lock" for gpu in pool}
    try:
        [gate] = _collect({"gate": folder / "gate"}, 1, end).values()
        try:
            locks = _collect(files, count, end)
        finally:
            os.close(gate)
    except TimeoutError:
        wanted = "no GPU" if count == 1 else f"no {count} GPUs"
        raise TimeoutError(
            f"{wanted} of {pool} became free within {timeout:g} s (locks in {folder})"
        ) from None
    _held.extend(locks.values())
    return list(locks)


def _make_own(folder: Path) -> None:
    """Make the folder of locks and the one above, which nobody else may have prepared: RuntimeError if so."""
    for place in (folder.parent, folder):
        with suppress(FileExistsError):
            place.mkdir(mode=0o700, parents=True)
    for place in (folder.parent, folder) if folder.parent.name.startswith(PREFIX) else (folder,):
        stat = place.lstat()
        if not S_ISDIR(stat.st_mode) or stat.st_uid != os.getuid():
            raise RuntimeError(
                f"{place}, the folder of locks on GPUs, is a link or belongs to another user; have it removed, or set "
                "TMPDIR to a folder of your own on a local disk"
            )


def _collect(files: dict[str, Path], count: int, end: float) -> dict[str, int]:
    """Lock `count` of the files as soon as possible: name -> file descriptor that holds the lock."""
    locks: dict[str, int] = {}
    while True:
        for name, path in files.items():
            if name not in locks and len(locks) < count and (lock := _try_lock(path)) is not None:
                locks[name] = lock
        if len(locks) == count:
            return locks
        if time.monotonic() > end:
            for lock in locks.values():
                os.close(lock)
            raise TimeoutError
        time.sleep(0.05 + 0.2 * random.random())


def _try_lock(path: Path) -> int | None:
    """A file descriptor that holds the lock, None if another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _let_go() -> None:
    """In a forked process, such as a loader's: it may outlive its parent, whose GPUs are then free."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
