"""
Values that are made one after the other and kept as they are made, so that a killed job goes on where it was.

The journal is a text file: a key of all that the values depend on, then a line of JSON for each, with its number and a
checksum. It is for the next attempt only; who has written the values to their place removes it.
"""

import fcntl
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from ukdlib.artifacts.sealing import checksum


def journaled(
    path: str,
    key: str,
    make: Callable[[int], Iterable[Any]],
    keep: Callable[[Any], Any] = lambda value: value,
) -> list[Any]:
    """
    What make(0) gives, JSON values; make(n) gives the same from number n on, after what an earlier attempt has left.

    path: the journal, taken if it has the same key; a line that is torn or damaged ends what is taken. keep: what to
    hold of a value. Raises RuntimeError if another process is at it.
    """
    with open(path, "ab") as journal:
        _lock(journal, path)
        values, size = _read(path, key, keep)
        journal.truncate(size)
        if not size:
            journal.write(_line(key))
        for value in make(len(values)):
            journal.write(_line([len(values), value]))
            journal.flush()
            values.append(keep(value))
    return values


def discard_journal(path: str) -> None:
    """Remove it, once the values are where they belong."""
    Path(path).unlink(missing_ok=True)


def _lock(journal: BinaryIO, path: str) -> None:
    """A job whose parent was killed may go on, and the next run starts another one."""
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RuntimeError(f"{path}: another process is writing it; wait for it, or end it") from None
    except OSError:  # a file system without locks: then the numbers of the lines tell
        pass


def _read(path: str, key: str, keep: Callable[[Any], Any]) -> tuple[list[Any], int]:
    """(values, bytes that are in order); nothing if the file has another key."""
    values: list[Any] = []
    with open(path, "rb") as lines:
        size = len(_line(key)) if lines.readline() == _line(key) else 0
        for line in lines if size else ():
            if line != _sealed(line[9:-1]):
                break
            number, value = json.loads(line[9:-1])
            if number != len(values):
                break
            values.append(keep(value))
            size += len(line)
    return values, size


def _line(value: Any) -> bytes:
    return _sealed(json.dumps(value).encode())


def _sealed(text: bytes) -> bytes:
    return b"%08x %s\n" % (checksum([text]), text)
