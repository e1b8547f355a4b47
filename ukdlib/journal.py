"""
Rows that are made one by one and kept as they are made, so that a killed job goes on where it was.

The journal is a text file: a key of all that the rows depend on, then a line for each row, with its checksum. It is
for the next attempt only; who has written the rows to their place removes it.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ukdlib.sealing import checksum

Row = dict[str, Any]  # JSON values


def journaled(path: str, key: str, names: Sequence[str], make: Callable[[str], Row]) -> list[Row]:
    """
    make(name) for each name, in their order; what an earlier attempt with the same key has left in `path` is taken.

    A line that is torn or damaged ends what is taken.
    """
    done, size = _read(path, key)
    with open(path, "ab") as journal:
        journal.truncate(size)
        if not size:
            journal.write(_line(key))
        for name in (name for name in names if name not in done):
            done[name] = make(name)
            journal.write(_line([name, done[name]]))
            journal.flush()
    return [done[name] for name in names]


def discard_journal(path: str) -> None:
    """Remove it, once the rows are where they belong."""
    Path(path).unlink(missing_ok=True)


def _read(path: str, key: str) -> tuple[dict[str, Row], int]:
    """(name -> row, bytes that are in order); nothing if the file has another key."""
    lines = Path(path).read_bytes().splitlines(keepends=True) if os.path.exists(path) else []
    if not lines or lines[0] != _line(key):
        return {}, 0
    done: dict[str, Row] = {}
    size = len(lines[0])
    for line in lines[1:]:
        text = line[9:-1]
        if line != _sealed(text):
            break
        name, row = json.loads(text)
        done[name] = row
        size += len(line)
    return done, size


def _line(value: Any) -> bytes:
    return _sealed(json.dumps(value).encode())


def _sealed(text: bytes) -> bytes:
    return b"%08x %s\n" % (checksum([text]), text)
