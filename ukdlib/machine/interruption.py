"""
Requests to stop: pre-emption, a time limit, `scancel`, SIGTERM.

A training that watches for them exits after the current step, with its state written, so that a retry resumes from
it. SLURM sends SIGTERM before it kills, or the signal given by `--signal`, often SIGUSR1.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
EXIT_CODE = 128 + signal.SIGTERM
_requested = False
_file: Path | None = None


class Interrupted(SystemExit):
    """The process ends with EXIT_CODE: the job counts as failed and may be retried."""

    def __init__(self, words: str):
        super().__init__(EXIT_CODE)
        self.words = words

    def __str__(self) -> str:
        return self.words


def watch(file: Path | None = None) -> None:
    """
    From now on SIGNALS are recorded instead of ending the process; call it in the main thread.

    file: a request as well, once it exists.
    """
    global _file
    _file = file
    for number in SIGNALS:
        signal.signal(number, _note)


def requested() -> bool:
    """Whether one of SIGNALS has arrived, or the file given to watch() exists."""
    return _requested or (_file is not None and _file.exists())


def leave(words: str) -> NoReturn:
    """End this process, logging where the next one resumes from."""
    print(words, file=sys.stderr)
    raise Interrupted(words)


def _note(number: int, _: FrameType | None) -> None:
    global _requested
    _requested = True
    with suppress(OSError, ValueError, AttributeError):  # not print: a signal may arrive during one
        os.write(sys.stderr.fileno(), f"{signal.Signals(number).name}: stopping after this step\n".encode())
