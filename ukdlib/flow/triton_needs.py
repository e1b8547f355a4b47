"""What Triton needs to compile a kernel when it is first used, and words for what of it a machine lacks."""

import importlib.util
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def explained() -> Iterator[None]:
    """Whatever fails within is a RuntimeError that says what Triton lacks and what to do."""
    try:
        yield
    except Exception as error:
        why = "; ".join(missing()) or f"{type(error).__name__}: {error}"
        raise RuntimeError(
            f"flow's backend torch cannot compile its kernels for this GPU: {why}. Or set another backend, such as "
            "numba, which computes the same on a CPU."
        ) from error


def missing() -> list[str]:
    """What Triton lacks here, each with its remedy; [] if nothing is known to be lacking."""
    found = [_package(), _compiler(), _headers(), _cache()]
    return [each for each in found if each]


def _package() -> str | None:
    if importlib.util.find_spec("triton"):
        return None
    return "the package triton is not installed: install the version that torch asks for"


def _compiler() -> str | None:
    """Triton takes CC at its word, and looks for gcc and clang without it."""
    named = os.environ.get("CC")
    if any(map(shutil.which, [named] if named else ["gcc", "clang"])):
        return None
    return (
        f"CC names {named!r}, which is no program"
        if named
        else "no C compiler: install gcc, or name one in CC"
    )


def _headers() -> str | None:
    folder = sysconfig.get_path("include", "posix_prefix")
    if Path(folder, "Python.h").is_file():
        return None
    return f"no Python.h in {folder}: install Python's headers (a package such as python3-dev)"


def _cache() -> str | None:
    home = os.environ.get("TRITON_HOME") or os.path.expanduser("~")
    folder = os.environ.get("TRITON_CACHE_DIR") or os.path.join(home, ".triton", "cache")
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror}): name another folder in TRITON_CACHE_DIR"
    return None
