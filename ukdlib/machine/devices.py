"""
Which device a job computes on, and GPUs shared by the jobs of one machine without conflicts.

Jobs that run in parallel on one machine each take locks on as many GPUs as they compute on. The kernel frees
them when the process ends, however it ends. Call lease_gpus() before torch is imported; only choose_device()
imports it.
"""

import fcntl
import os
import random
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

from ukdlib.machine.gpus import LOOKED_AT, VISIBLE, gpu_pool, is_slice, stated
from ukdlib.machine.packages import built_for_gpus

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
PREFIX = "ukd-gpu-locks-"
NO_CUDA = ": torch is built for CPUs only (docs/gpu.md)"
_held: list[int] = []  # file descriptors of this process's locks, open until it ends
_sought_in_vain: list[str] = []  # where a lease has found no GPU and nobody had said that there is none


def choose_device(name: str) -> "torch.device":
    """
    The device called "cpu" or "cuda"; "auto" is cuda where there is one.

    torch computes in one thread of the CPU from now on: jobs run in parallel, and sums are the same on any machine.
    On a GPU float32 is float32: TF32, which torch lets convolutions use, is off. Raises RuntimeError where "auto" would
    compute on the CPU beside a GPU.
    """
    import torch

    if name not in DEVICES:
        raise ValueError(f"unknown device {name!r}; known: {list(DEVICES)}")
    built = torch.version.cuda or torch.version.hip
    found = torch.cuda.is_available()
    torch.set_num_threads(1)
    if name == "cuda" and not found:
        raise ValueError(
            f"device cuda was requested, but torch finds no GPU here; use auto or cpu{'' if built else NO_CUDA}"
        )
    if name == "cpu":
        return torch.device("cpu")
    _refuse_idle_gpu(bool(built), found)
    if not found:
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda")


def _refuse_idle_gpu(built: bool, found: bool) -> None:
    """RuntimeError if a GPU is here that this job cannot use. built: torch is for GPUs, too; found: it finds one."""
    if found and _sought_in_vain:
        raise RuntimeError(
            f"torch finds a GPU here, but no lease could be taken on it: none was found in {_sought_in_vain[0]}. "
            "List the GPUs in CUDA_VISIBLE_DEVICES (such as 0,1), or compute without: run.device: cpu"
        )
    if _held and built and not found:
        raise RuntimeError(
            f"GPU {os.environ['CUDA_VISIBLE_DEVICES']} was leased, but torch cannot use it: perhaps the driver is too "
            "old for this torch. See what torch.cuda.init() says, or compute without: run.device: cpu"
        )
    if _held and not built:
        print(f"no use of GPU {os.environ['CUDA_VISIBLE_DEVICES']}{NO_CUDA}", file=sys.stderr)
        _let_go()


def lease_gpus(
    device: str,
    count: int = 1,
    lock_folder: str | None = None,
    timeout: float = 24 * 3600,
    together: int = 1,
) -> list[str]:
    """
    Wait for `count` free GPUs, make them the only visible ones and return their ids ([] where there are none).

    Device "cpu" hides all GPUs. The pool is that of gpu_pool(): a SLURM job divides up its own allocation.
    lock_folder: on a local disk, the same for all jobs; timeout: seconds. together: how many jobs may share a GPU, if
    they all say so; a job that computes on several GPUs has them for itself.
    """
    pool = _usable(gpu_pool(), count) if device != "cpu" else []
    folder, sharing = Path(lock_folder or _default_folder()), together if count == 1 else 1
    leased = _wait_for_locks(pool, count, sharing, folder, timeout) if pool else []
    if leased:
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # number GPUs as nvidia-smi does
        print(f"GPU {', '.join(leased)} of {', '.join(pool)}", file=sys.stderr)
    elif device == "auto":
        print("no GPU here: computing on the CPU", file=sys.stderr)
    if leased or device == "cpu" or stated() is not None:
        _show_only(leased)
    else:  # not hidden: if torch finds one after all, choose_device says so
        _sought_in_vain.append(LOOKED_AT)
    return leased


def lease_device(device: str) -> str:
    """
    The device, "cpu" or "cuda", that processes which this one starts compute on, with a lease of a GPU if there is one.

    For who must not import torch; where "cuda" cannot be had, choose_device says so in those processes.
    """
    leased = lease_gpus(device)
    return "cuda" if device == "cuda" or (leased and built_for_gpus()) else "cpu"


def _usable(pool: list[str], count: int) -> list[str]:
    """The GPUs of which `count` can work together: slices (MIG) cannot. ValueError if there are some, but too few."""
    usable = [gpu for gpu in pool if count == 1 or not is_slice(gpu)]
    if pool and count > len(usable):
        slices = "" if len(usable) == len(pool) else "; slices (MIG) do not count, they cannot work together"
        there = f"{len(usable)}: {', '.join(usable)}" if usable else "0"
        raise ValueError(f"{count} GPUs were requested, but there are only {there}{slices}")
    return usable


def _show_only(gpus: list[str]) -> None:
    for name in VISIBLE:
        if name == VISIBLE[0] or name in os.environ:
            os.environ[name] = ",".join(gpus)


def held_locks() -> tuple[int, ...]:
    """File descriptors of the leases, for a child process that computes on their GPUs and must hold them, too."""
    return tuple(_held)


def _default_folder() -> Path:
    # SLURM jobs confined to their own devices all number them from 0: one folder per job
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}" / os.environ.get("SLURM_JOB_ID", "local")


def _wait_for_locks(pool: list[str], count: int, together: int, folder: Path, timeout: float) -> list[str]:
    """Only the holder of the gate collects locks, so two jobs that need several GPUs cannot deadlock."""
    _make_own(folder)
    end = time.monotonic() + timeout
    files = {gpu: folder / f"{gpu.replace('/', '_')}.lock" for gpu in pool}
    try:
        [[gate]] = _collect({"gate": folder / "gate"}, 1, 1, end).values()
        try:
            locks = _collect(files, count, together, end)
        finally:
            os.close(gate)
    except TimeoutError:
        wanted = "no GPU" if count == 1 else f"no {count} GPUs"
        raise TimeoutError(
            f"{wanted} of {pool} became free within {timeout:g} s (locks in {folder})"
        ) from None
    _held.extend(lock for each in locks.values() for lock in each)
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


def _collect(files: dict[str, Path], count: int, together: int, end: float) -> dict[str, list[int]]:
    """Lock `count` of the files as soon as possible: name -> file descriptors that hold the locks."""
    locks: dict[str, list[int]] = {}
    while True:
        for name in sorted(files, key=lambda name: _taken(files[name], together)):
            if name not in locks and len(locks) < count and (held := _try_share(files[name], together)):
                locks[name] = held
        if len(locks) == count:
            return locks
        if time.monotonic() > end:
            for descriptor in (descriptor for each in locks.values() for descriptor in each):
                os.close(descriptor)
            raise TimeoutError
        time.sleep(0.05 + 0.2 * random.random())


def _try_share(path: Path, together: int) -> list[int]:
    """
    File descriptors that lock a file, or a share of it, [] if it is taken.

    All who share it hold it in common and one of its numbered shares each; whoever has it alone excludes them all.
    """
    if (whole := _try_lock(path, fcntl.LOCK_EX if together == 1 else fcntl.LOCK_SH)) is None:
        return []
    if together == 1:
        return [whole]
    for share in _shares(path, together):
        if (lock := _try_lock(share, fcntl.LOCK_EX)) is not None:
            return [whole, lock]
    os.close(whole)
    return []


def _taken(path: Path, together: int) -> int:
    """How many of a file's shares are taken; asked by the holder of the gate, so none is in the meantime."""
    if together == 1:
        return 0
    locks = [_try_lock(share, fcntl.LOCK_EX) for share in _shares(path, together)]
    for lock in locks:
        if lock is not None:
            os.close(lock)
    return locks.count(None)


def _shares(path: Path, together: int) -> list[Path]:
    return [path.with_name(f"{path.name}.{number}") for number in range(together)]


def _try_lock(path: Path, kind: int) -> int | None:
    """A file descriptor that holds the lock, None if another process does. kind: fcntl.LOCK_EX or LOCK_SH."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _let_go() -> None:
    """In a forked process, such as a loader's: it may outlive its parent, whose GPUs are then free."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
