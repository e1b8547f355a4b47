"""
One call in several processes of this machine, started by torchrun: a training on several GPUs.

The parent waits, and passes on a request to stop. However it ends, its processes end with it: torchrun is killed
when its parent is gone, and they are when torchrun is gone. torchrun also holds the locks on the leased GPUs.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr, suppress
from pathlib import Path
from typing import Any

import torch

from ukdlib.machine import distributed, interruption
from ukdlib.machine.devices import choose_device, held_locks
from ukdlib.machine.interruption import Interrupted

CALL, STOP, STOPPED = "call", "stop", "stopped"  # files through which parent and processes communicate
PARENT = "UKD_PARENT"  # environment variable: the process to end with
PR_SET_PDEATHSIG = 1  # of Linux's prctl
POLL = 0.1  # seconds
OPTIONS = ["--standalone", "--local-addr", "127.0.0.1", "--signals-to-handle", "SIGQUIT"]


def call_together(processes: int, device: str, function: Callable[..., Any], arguments: tuple) -> None:
    """
    Call function(*arguments) in each of several processes, which know each other by ukdlib.machine.distributed.

    device: cpu, or cuda, where each sees one of this process's visible GPUs. Return values are discarded. Raises
    Interrupted if they were asked to stop, RuntimeError if one of them failed.
    """
    with tempfile.TemporaryDirectory(prefix="ukd-") as folder:
        try:
            torch.save((device, function, arguments), Path(folder, CALL))
        except Exception as error:  # pickle raises many kinds
            raise ValueError(
                f"{processes} processes: the call and its arguments cannot be pickled: {error}"
            ) from error
        code = _wait(_start(processes, device, folder), Path(folder, STOP))
        if (stopped := Path(folder, STOPPED)).exists():
            raise Interrupted(stopped.read_text())
    if code:
        raise RuntimeError(f"one of {processes} processes failed, see above")


def _start(processes: int, device: str, folder: str) -> subprocess.Popen:
    options = [*OPTIONS, "--log-dir", folder, "--nproc-per-node", str(processes)]
    if device == "cuda":
        options.append("--virtual-local-rank")  # each process sees its own GPU and no other
    command = [
        sys.executable,
        "-m",
        "ukdlib.machine.torchrun",
        *options,
        "-m",
        "ukdlib.machine.torchrun",
        folder,
    ]
    # the user's own networks are found where this process finds them
    paths = os.pathsep.join(path for path in sys.path if path)
    # quiet, or it warns that all weights of a network are used; a crash in compiled code gives its traceback
    quiet = {"TORCH_CPP_LOG_LEVEL": "ERROR", "PYTHONFAULTHANDLER": "1"}
    environment = {**quiet, **os.environ, "PYTHONPATH": paths, PARENT: str(os.getpid())}
    log = _log()
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment, pass_fds=held_locks())


def _log() -> int | None:
    """File descriptor of this process's stderr, if that is a file."""
    with suppress(AttributeError, OSError, ValueError):
        return sys.stderr.fileno()
    return None


def _wait(process: subprocess.Popen, stop: Path) -> int:
    """Wait until torchrun has ended; if this process ends first, torchrun is killed."""
    try:
        while process.poll() is None:
            if interruption.requested():
                stop.touch()  # a signal to torchrun would kill whatever has not ended 30 s later
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL)
        return process.returncode
    finally:
        process.kill()
        process.wait()


# ---------------------------------------------------------------- in the processes


def _end_with_parent() -> None:
    """Have the kernel kill this process when the one that started it is gone, however it ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[PARENT]):  # it is already gone
        os.kill(os.getpid(), signal.SIGKILL)
    os.environ[PARENT] = str(os.getpid())  # for what this one starts


def _run_torchrun(arguments: list[str]) -> None:
    """Run torchrun; its processes decide themselves to stop after a step."""
    from torch.distributed import run

    for number in (*interruption.SIGNALS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    run.main(arguments)


def _take_part(folder: str) -> None:
    """What each process does: the call; only the first one's messages are shown."""
    device, function, arguments = torch.load(Path(folder, CALL), weights_only=False)  # written by the parent
    interruption.watch(Path(folder, STOP))
    choose_device(device)
    with distributed.joined(device), _quiet() if distributed.rank() else nullcontext():
        distributed.gathered(None)  # all have read it
        Path(folder, CALL).unlink(missing_ok=True)  # as large as the network and its targets
        try:
            function(*arguments)
        except Interrupted as stopped:
            if distributed.rank() == 0:
                Path(folder, STOPPED).write_text(str(stopped))


def _quiet() -> redirect_stderr:
    return redirect_stderr(open(os.devnull, "w"))


def _leave() -> None:
    """End this process without interpreter shutdown: gloo's threads outlive their group and would abort it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


if __name__ == "__main__":
    _end_with_parent()
    if len(sys.argv) == 2:
        _take_part(sys.argv[1])
        _leave()
    else:
        _run_torchrun(sys.argv[1:])
