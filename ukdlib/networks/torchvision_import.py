"""
Import pytorchvideo's classifiers without torchvision, and torchvision itself beside a CPU-only torch.

pytorchvideo 0.1.5 imports `torchvision.ops.RoIAlign` for detection heads that no network here has. Importing
torchvision costs 2 s of CPU time in every job, so it is skipped unless one of its own networks is needed. Its
import fails ("operator torchvision::nms does not exist") with a CPU-only torch, because the wheel of the public
index is a CUDA build: its extension does not load, and then a fake kernel is registered for an operator that was
never declared. Declaring the two operators is enough for everything except detection.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from torch import library

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[library.Library] = []  # declarations live as long as the object that made them


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


def video_models() -> ModuleType:
    """torchvision.models.video; its operators are declared first if the extension that has them cannot load."""
    if "torchvision" not in sys.modules and not _declared and not _extension_loads():
        declared = library.Library("torchvision", "FRAGMENT")
        for operator in OPERATORS:
            declared.define(operator)
        _declared.append(declared)
    return importlib.import_module("torchvision.models.video")


def _extension_loads() -> bool:
    """Whether torchvision's compiled operators match this torch."""
    found = importlib.util.find_spec("torchvision")  # does not import it
    if found is None or found.origin is None:
        raise ModuleNotFoundError("torchvision is not installed; its networks need it")
    try:
        for path in Path(found.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(path))
            return True
    except OSError:
        pass
    return False
