"""
Values that are made one after the other and kept as they are made, so that a killed job goes on where it was.

The journal is a text file: a key of all that the values depend on, then a line of JSON for each, with its checksum. It
is for the next attempt only; who has written the values to their place removes it.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ukdlib.sealing import checksum


def journaled(path: str, key: str, make: Callable[[int], Iterable[Any]]) -> list[Any]:
    """
    What make(0) gives, JSON values; make(n) gives the same from number n on, after what an earlier attempt has left.

    path: the journal, taken if it has the same key; a line that is torn or damaged ends what is taken.
    """
    values, size = _read(path, key)
    with open(path, "ab") as journal:
        journal.truncate(size)
        if not size:
            journal.write(_line(key))
        for value in make(len(values)):
            journal.write(_line(value))
            journal.flush()
            values.append(value)
    return values


def discard_journal(path: str) -> None:
    """Remove it, once the values are where they belong."""
    Path(path).unlink(missing_ok=True)


def _read(path: str, key: str) -> tuple[list[Any], int]:
    """(values, bytes that are in order); nothing if there is no file or it has another key."""
    values: list[Any] = []
    size = 0
    with suppress(FileNotFoundError), open(path, "rb") as lines:
        for line in lines:
            text = line[9:-1]
            if line != _sealed(text) or (not size and line != _line(key)):
                break
            if size:
                values.append(json.loads(text))
            size += len(line)
    return values, size


def _line(value: Any) -> bytes:
    return _sealed(json.dumps(value).encode())


def _sealed(text: bytes) -> bytes:
    return b"%08x %s\n" % (checksum([text]), text)
