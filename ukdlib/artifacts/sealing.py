"""
Artifacts on disk are whole and what was written: put in place at once, and sealed with checksums.

Checksums make silent corruption loud: a stored artifact with a changed bit is refused, never computed with. Against
accidents (disks, memory, network file systems), not against forgery: CRC-32.
"""

import errno
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FROM_DAMAGE = (None, errno.EIO, errno.EINVAL)  # error numbers that a damaged file or disk may lead to
SHORTAGES = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.EINTR)


def put_in_place(part: str | Path, path: str | Path) -> None:
    """Give a finished file its final name; after a power cut, too, that names all of its content or nothing."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())  # some file systems write the name first
    os.replace(part, path)


@contextmanager
def beside(path: str | Path) -> Iterator[Path]:
    """The name to write a file under; it gets its own when the block ends well, else what was written goes."""
    part = Path(f"{path}.part")
    try:
        yield part
        put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


def checksum(parts: Iterable[Any]) -> int:
    """CRC-32 of bytes-like parts, one after the other, 0 .. 2**32 - 1."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


@contextmanager
def refuse_damage(path: str | Path, *errors: type[Exception]) -> Iterator[None]:
    """
    Within the block `errors` of a reader mean that the file is damaged; that it is not there means just that, and so
    does a machine short of memory or file handles.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except errors as error:
        if _of_the_machine(error):
            error.add_note(
                f"{path}: not read, though it may be whole; see to memory, file handles and disk, run again"
            )
            raise
        first = (str(error).splitlines() or [""])[0]
        raise damaged(path, f"{type(error).__name__}, {first}") from None


def _of_the_machine(error: Exception) -> bool:
    """Whether a good file leads to the error, too; pyarrow's has no number at times, but the words for it."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) not in FROM_DAMAGE:
        return True
    return any(os.strerror(number) in str(error) for number in SHORTAGES)


def damaged(path: str | Path, what: str) -> ValueError:
    """The error for a file whose content is not what was written, with the way out."""
    return ValueError(
        f"{path} is damaged: {what}. Remove it and run again, it will be made anew: rm '{path}'"
    )
