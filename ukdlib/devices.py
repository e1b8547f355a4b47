"""
Which device a job computes on, and GPUs shared by jobs of one machine without colliding.

Jobs that run side by side on one machine each take a lock on one GPU. The kernel frees it when the process
ends, however it ends. Call lease_gpu() before torch is imported; only choose_device() imports it.
"""

import fcntl
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
NO_DEVICE = ("", "-1", "NoDevFiles")  # ways of saying "none" in CUDA_VISIBLE_DEVICES
_held: list[int] = []  # file descriptors of this process's locks, open until it ends


def choose_device(name: str) -> "torch.device":
    """The device called "cpu" or "cuda"; "auto" is cuda where there is one."""
    import torch

    if name not in DEVICES:
        raise ValueError(f"unknown device {name!r}; known: {list(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but torch sees no GPU here; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def lease_gpu(device: str, lock_folder: str | None = None, timeout: float = 24 * 3600) -> str:
    """
    Wait for a free GPU of this machine, make it the only visible one and return its id ("" without GPUs).

    Device "cpu" hides all GPUs; a SLURM job that was given one GPU keeps it. The pool is CUDA_VISIBLE_DEVICES
    if set, else what nvidia-smi lists. lock_folder: on a local disk, the same for all jobs; timeout: seconds.
    """
    pool = gpu_pool() if device != "cpu" else []
    if pool and not (os.environ.get("SLURM_JOB_ID") and len(pool) == 1):
        pool = [_wait_for_lock(pool, Path(lock_folder or _default_folder()), timeout)]
    if pool:
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # count as nvidia-smi does
    os.environ["CUDA_VISIBLE_DEVICES"] = pool[0] if pool else ""
    return os.environ["CUDA_VISIBLE_DEVICES"]


def gpu_pool() -> list[str]:
    """Ids of the GPUs that this process may use: numbers, UUIDs or MIG names."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu.strip() for gpu in visible.split(",") if gpu.strip() not in NO_DEVICE]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    return listed.stdout.split() if listed.returncode == 0 else []


def _default_folder() -> Path:
    # SLURM jobs confined to their own devices all count from 0: one folder per job
    return (
        Path(tempfile.gettempdir()) / f"ukd-gpu-locks-{os.getuid()}" / os.environ.get("SLURM_JOB_ID", "local")
    )


def _wait_for_lock(pool: list[str], folder: Path, timeout: float) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for gpu in pool:
            if _try_lock(folder / f"{gpu.replace('/', '_')}.lock"):
                print(f"GPU {gpu} of {pool}", file=sys.stderr)
                return gpu
        time.sleep(0.2 + 0.3 * random.random())
    raise TimeoutError(f"no GPU of {pool} became free within {timeout:g} s (locks in {folder})")


def _try_lock(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
