"""
What processes import: which torch is installed, by the packages' own records, since importing it would take seconds;
and the checkout's own library before any other that is installed.
"""

import os
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

TRIED = {
    "torch": "2.13,2.15",
    "torchvision": "0.28,0.30",
}  # from, below: pyproject.toml's ranges (a test holds that)


def untried() -> str | None:
    """
    A sentence if the torch or torchvision that is installed is of none of the tried versions.

    What is not installed passes: jobs may have environments of their own. Every parse of the workflow asks, so this
    must be quick.
    """
    for name, limits in TRIED.items():
        first, end = limits.split(",")
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if not _minor(first) <= _minor(installed) < _minor(end):
            return (
                f"{name} {installed} is installed, ukd needs {name}>={first},<{end}: "
                "`pip install -c constraints.txt -e .` installs one that was tried"
            )
    return None


def built_for_gpus(kinds: str = "cuda|hip") -> bool:
    """
    Whether the installed torch can use GPUs, by its own file of versions; False if there is no torch.

    kinds: "cuda" (NVIDIA's), "hip" (AMD's) or either of them.
    """
    found = find_spec("torch")
    versions = Path(found.origin).with_name("version.py").read_text() if found and found.origin else ""
    return re.search(rf"^({kinds})\b.*= '", versions, re.M) is not None


def _minor(number: str) -> tuple[int, int]:
    major, minor = number.split(".")[:2]
    return int(major), int(minor)


def import_first(folder: str) -> None:
    """Have the processes that this one starts import from `folder` before all that is installed."""
    others = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([folder, *others]))
