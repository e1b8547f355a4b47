"""Tests side by side: one thread for each process, since threads that spin while they wait cost minutes."""

import os

# before torch and numpy are imported; the processes that tests start inherit it
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


# folders and modules that take longest; the tests of one share runs, so `make test-all` keeps a file in one process
LONGEST = ("slurm", "test_storage", "test_kills", "test_trust", "test_faults")


def pytest_collection_modifyitems(items):
    """The long ones first: whoever came to one last would work on it alone."""
    items.sort(key=lambda item: ("slow" not in item.keywords, _rank(item)))


def _rank(item):
    """Place in LONGEST, or after all of them."""
    parts = {item.path.stem, item.path.parent.name}
    return next((rank for rank, name in enumerate(LONGEST) if name in parts), len(LONGEST))
