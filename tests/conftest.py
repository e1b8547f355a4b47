"""One thread for each process: tests run side by side, and threads that spin while they wait cost minutes."""

import os

# before torch and numpy are imported; the processes that tests start inherit it
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
