"""
Artifacts on disk are complete and what was written: put in place atomically, and sealed with checksums.

Checksums detect silent corruption: a stored artifact with a changed bit is refused, never used. They protect against
accidents (disks, memory, network file systems), not against forgery: CRC-32.
"""

import errno
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FROM_DAMAGE = (None, errno.EIO, errno.EINVAL)  # error numbers that a damaged file or disk may cause
SHORTAGES = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.EINTR)


def put_in_place(part: str | Path, path: str | Path) -> None:
    """Give a finished file its final name; even after a power cut the name stands for all of its content or nothing."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())  # some file systems write the name first
    os.replace(part, path)


def remove_link(path: str | Path) -> None:
    """What is about to be written must not go where a link leads that somebody has put there."""
    if os.path.islink(path):
        os.unlink(path)


@contextmanager
def beside(path: str | Path) -> Iterator[Path]:
    """The name to write a file under; it gets its own when the block succeeds, else what was written is removed."""
    part = Path(f"{path}.part")
    remove_link(part)
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


def sha256(path: str | Path) -> str:
    """Hexadecimal hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def refuse_damage(path: str | Path, *errors: type[Exception]) -> Iterator[None]:
    """
    Within the block `errors` of a reader mean that the file is damaged; a missing file is reported as missing, and a
    machine short of memory or file handles as such.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except errors as error:
        if _of_the_machine(error):
            error.add_note(
                f"{path}: not read, though it may be intact; check memory, file handles and disk, then run again"
            )
            raise
        first = (str(error).splitlines() or [""])[0]
        raise damaged(path, f"{type(error).__name__}, {first}") from None


def _of_the_machine(error: Exception) -> bool:
    """Whether an intact file could cause the error, too; pyarrow's sometimes has no number, but says so in words."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) not in FROM_DAMAGE:
        return True
    return any(os.strerror(number) in str(error) for number in SHORTAGES)


def damaged(path: str | Path, what: str) -> ValueError:
    """The error for a file whose content is not what was written, with the remedy."""
    return ValueError(f"{path} is damaged: {what}. Remove it and run again to recreate it: rm '{path}'")
