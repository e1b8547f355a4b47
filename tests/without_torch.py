"""
For an environment without torch and ONNX Runtime, `pytest -p tests.without_torch`: what asks for them is skipped.

Only then: where they belong to the environment, a test that cannot import them fails.
"""

import sys
from importlib.abc import MetaPathFinder

import pytest

ABSENT = {"torch", "torchvision", "pytorchvideo", "onnxruntime"}


class Absent(MetaPathFinder):
    """Stands behind all other finders and skips the module of tests, or the test, whose imports have led here."""

    def find_spec(self, fullname: str, path=None, target=None):
        """Called by an import."""
        if fullname.partition(".")[0] in ABSENT:
            pytest.skip(f"needs {fullname}, which this environment does without", allow_module_level=True)


def pytest_configure():
    """Called by pytest when this is its plugin; tests may import this without."""
    sys.meta_path.append(Absent())
