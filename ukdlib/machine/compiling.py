"""Functions that are compiled on their first call: numba keeps the result, so only one of several jobs need compile."""

import fcntl
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def first_alone(work: Callable[..., Any], wing: str) -> Callable[..., Any]:
    """
    The same function; on its first call, processes that would compile the same wait for one another.

    wing: file of the package whose functions are compiled, `ukdlib.flow.__file__` for example. Where it cannot be
    locked, each process compiles for itself.
    """
    called = False

    def guarded(*arguments: Any) -> Any:
        """`work`, with the lock held until it has succeeded once."""
        nonlocal called
        if called:
            return work(*arguments)
        with open(wing, "rb") as lock:
            with suppress(OSError):  # file systems without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            result = work(*arguments)
        called = True
        return result

    return guarded
