"""Tests side by side: one thread for each process, since threads that spin while they wait cost minutes."""

import os

# before torch and numpy are imported; the processes that tests start inherit it
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """The long ones first: whoever came to one last would work on it alone."""
    items.sort(key=lambda item: "slow" not in item.keywords)
