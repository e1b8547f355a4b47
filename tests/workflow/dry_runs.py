"""
Runs of Snakemake that do not import it each time: a process that has it forks a child for every run.

Half of what a dry run of a small workflow takes is that import. The children end with their run, and what they import
of the working copy's own library is not seen by the next one. As a program this is the process; it ends with its
standard input.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


class DryRuns:
    """The process; `run` is one run."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ukd-")
        self.output = Path(self.folder.name, "output")  # a file, for a pipe may fill up
        self.process = subprocess.Popen(
            [sys.executable, __file__], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        atexit.register(self.close)

    def run(self, folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess:
        """What `snakemake` with these arguments does in a folder; messages and errors are both in stdout."""
        wanted = {"folder": str(folder), "arguments": list(arguments), "output": str(self.output)}
        self.process.stdin.write(json.dumps({**wanted, "environment": dict(os.environ)}) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return subprocess.CompletedProcess(["snakemake", *arguments], code, self.output.read_text(), "")

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def serve() -> None:
    """Fork for each line of standard input; print the exit code of each child."""
    import snakemake.cli

    snakemake.cli.get_argument_parser()  # imports the plugins
    for line in sys.stdin:
        wanted = json.loads(line)
        if (child := os.fork()) == 0:
            os._exit(_run(snakemake.cli.main, **wanted))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(main, folder: str, arguments: list[str], output: str, environment: dict[str, str]) -> int:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = folder
    with open(output, "w") as file, contextlib.suppress(OSError):
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        main(["--nocolor", *arguments])
        return 0
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    serve()
