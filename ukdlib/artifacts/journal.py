"""
Values that are computed one after the other and stored at once, so that a killed job resumes where it stopped.

The journal is a text file: a key of all that the values depend on, then a line of JSON for each, with its number and a
checksum. It is for the next attempt only; the job removes it once the values are in their final file.
"""

import fcntl
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from ukdlib.artifacts.sealing import checksum, remove_link


def journaled(
    path: str,
    key: str,
    make: Callable[[int], Iterable[Any]],
    keep: Callable[[Any], Any] = lambda value: value,
) -> list[Any]:
    """
    What make(0) gives, JSON values; make(n) gives the same from number n on, after what an earlier attempt has left.

    path: the journal, used if it has the same key, up to the first torn or damaged line. keep: what to hold of a
    value. Raises RuntimeError if another process is writing it.
    """
    remove_link(path)
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
    """Remove it, once the values are in their final file."""
    Path(path).unlink(missing_ok=True)


def _lock(journal: BinaryIO, path: str) -> None:
    """A job whose parent was killed may still be running when the next run starts another one."""
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RuntimeError(f"{path}: another process is writing it; wait for it, or end it") from None
    except OSError:  # a file system without locks: the line numbers reveal two writers
        pass


def _read(path: str, key: str, keep: Callable[[Any], Any]) -> tuple[list[Any], int]:
    """(values, number of intact bytes); nothing if the file has another key."""
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
