"""
Import pytorchvideo's classifiers without torchvision.

pytorchvideo 0.1.5 imports `torchvision.ops.RoIAlign` for detection heads that no network here has. Importing
torchvision costs 2 s of CPU time in every job and fails ("operator torchvision::nms does not exist") beside a
CPU-only torch, because the wheel of the public index is a CUDA build.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def roi_align_left_out() -> Iterator[None]:
    """Within the block `torchvision.ops` is an empty stand-in, unless torchvision was imported before."""
    stand_in = ModuleType("torchvision.ops")
    stand_in.RoIAlign = None  # type: ignore[attr-defined]
    if "torchvision.ops" in sys.modules:
        yield
        return
    sys.modules["torchvision.ops"] = stand_in
    try:
        yield
    finally:
        del sys.modules["torchvision.ops"]
