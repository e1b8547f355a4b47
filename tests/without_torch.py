"""
For an environment without torch, `pytest -p tests.without_torch`: what asks for it is skipped, and says so.

Only then: where torch belongs to the environment, a test that cannot import it fails.
"""

import sys
from importlib.abc import MetaPathFinder

import pytest

ABSENT = {"torch", "torchvision", "pytorchvideo"}


class Absent(MetaPathFinder):
    """Stands behind all other finders and skips the module of tests, or the test, that has led here."""

    def find_spec(self, fullname: str, path=None, target=None):
        """Called by an import."""
        self._skip(fullname.partition(".")[0])

    def find_distributions(self, context):
        """Called by a look for a package's version."""
        self._skip(context.name)
        return []

    def _skip(self, name: str | None) -> None:
        if name in ABSENT:
            pytest.skip(f"needs {name}, which this environment does without", allow_module_level=True)


sys.meta_path.append(Absent())
