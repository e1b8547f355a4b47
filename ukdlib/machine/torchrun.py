"""
One call in several processes of this machine, which torchrun starts: a training on several GPUs.

The parent waits, and passes a request to stop on. However it ends, its processes end with it: torchrun is killed
when its parent has gone, and they are when torchrun has gone. torchrun holds the locks on the leased GPUs, too.
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

CALL, STOP, STOPPED = "call", "stop", "stopped"  # files by which parent and processes talk
PARENT = "UKD_PARENT"  # environment variable: the process to end with
PR_SET_PDEATHSIG = 1  # of Linux's prctl
POLL = 0.1  # seconds
OPTIONS = ["--standalone", "--local-addr", "127.0.0.1", "--signals-to-handle", "SIGQUIT"]


def call_together(processes: int, device: str, function: Callable[..., Any], arguments: tuple) -> None:
    """
    Call function(*arguments) in each of some processes, where ukdlib.machine.distributed knows the others.

    device: cpu or cuda; there each sees one of this process's visible GPUs. What they return is lost. Raises
    Interrupted if they were asked to stop, RuntimeError if one of them failed.
    """
    with tempfile.TemporaryDirectory(prefix="ukd-") as folder:
        try:
            torch.save((device, function, arguments), Path(folder, CALL))
        except Exception as error:  # pickle raises many kinds
            raise ValueError(
                f"{processes} processes: what they are to do cannot be handed to them: {error}"
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
    # own networks are found wherever they are here
    paths = os.pathsep.join(path for path in sys.path if path)
    # quiet, or it warns that all weights of a network are used; a crash in foreign code says where it was
    told = {"TORCH_CPP_LOG_LEVEL": "ERROR", "PYTHONFAULTHANDLER": "1"}
    environment = {**told, **os.environ, "PYTHONPATH": paths, PARENT: str(os.getpid())}
    log = _log()
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment, pass_fds=held_locks())


def _log() -> int | None:
    """Where this process's messages go, if that is a file."""
    with suppress(AttributeError, OSError, ValueError):
        return sys.stderr.fileno()
    return None


def _wait(process: subprocess.Popen, stop: Path) -> int:
    """Until torchrun has ended; if this process is to end before it, torchrun is killed."""
    try:
        while process.poll() is None:
            if interruption.requested():
                stop.touch()  # a signal to torchrun would kill what has not ended 30 s later
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL)
        return process.returncode
    finally:
        process.kill()
        process.wait()


# ---------------------------------------------------------------- in the processes


def _end_with_parent() -> None:
    """Have the kernel kill this process when the one that started it has gone, however that ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[PARENT]):  # it has gone already
        os.kill(os.getpid(), signal.SIGKILL)
    os.environ[PARENT] = str(os.getpid())  # for what this one starts


def _run_torchrun(arguments: list[str]) -> None:
    """torchrun, which leaves it to its processes to stop at the end of a step."""
    from torch.distributed import run

    for number in (*interruption.SIGNALS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    run.main(arguments)


def _take_part(folder: str) -> None:
    """What each process does: the call, with the first one's messages only."""
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
    """End this process with the interpreter as it is: gloo's threads outlive their group, and abort one that ends."""
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
