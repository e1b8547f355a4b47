"""One thread for each process: tests run side by side, and threads that spin while they wait cost minutes."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(
        name, "1"
    )  # before torch and numpy are imported; the processes that tests start inherit it
