"""
A packaged network as model.onnx: frames in, probabilities out, for programs without PyTorch.

The graph is compared with PyTorch on test clips before it gets its name; what was found is in onnx.json beside it.
"""

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ukdlib.artifacts.sealed_json import write_json
from ukdlib.artifacts.sealing import beside, sha256
from ukdlib.deploy.description import ONNX, ONNX_FACTS, WEIGHTS, Description
from ukdlib.deploy.engines import AS_THEY_ARE, open_session
from ukdlib.deploy.graph import Recogniser, recogniser
from ukdlib.frames.gamma import gamma_table
from ukdlib.learning.batches import Store
from ukdlib.learning.views import frame_indices

OPSET = 18
ALLOWED = 1e-5  # largest difference of a probability between the graph and PyTorch
BATCHES = (1, 2, 7)  # windows with which it is compared
SMALLEST, LARGEST = 8, 16384  # pixels of a frame's sides, and the most windows at once
SIZES = ("windows", "height", "width")
OPERATOR = re.compile(r"\b(?:aten|prims|torchvision)[.:]+\w+(?:\.\w+)?")


def export(folder: str | Path, description: Description, windows: np.ndarray) -> dict[str, Any]:
    """
    Write model.onnx and onnx.json into a model folder; the content of the latter.

    windows: uint8 (N >= 1, T, H, W, C) of prepared test clips, with which graph and PyTorch are compared.

    The graph's inputs are `frames`, uint8 (windows, T, height, width, C), and, with a default, `levels`, float32
    (256,), the value of each level of the frames. The default is the model's own correction of 8-bit video (Eq. 13), if
    it has one; who corrects from more bits gives 0 to 255. Raises ValueError with the operator that has no counterpart,
    and where a probability differs by more than ALLOWED.
    """
    network = recogniser(Path(folder) / WEIGHTS, description)
    target = Path(folder) / ONNX
    with beside(target) as part:
        _write(network, windows, part, _correction(description))
        facts = {
            "model": description.function,
            "opset": OPSET,
            "torch": torch.__version__,
            "compared": len(windows),
            "difference": compare(network, part, windows, description),
            "sha256": sha256(part),
        }
    write_json(Path(folder) / ONNX_FACTS, facts)
    return facts


def test_clips(store: Store, video_ids: Sequence[str], description: Description, count: int) -> np.ndarray:
    """A window (uint8, (N, T, H, W, C)) of each of the first `count` videos that have the size of the first."""
    recipe, windows = description.recipe, list[np.ndarray]()
    for video_id in video_ids[:count]:
        numbers = frame_indices(0.5, store.shape(video_id)[0], recipe["frames"], recipe["stride"])
        windows.append(store.window(video_id, numbers))
    return np.stack([window for window in windows if window.shape == windows[0].shape])


test_clips.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of its name


def compare(network: Recogniser, graph: Path, windows: np.ndarray, description: Description) -> float:
    """The largest difference of a probability: several batch sizes, frames as they are and as 8-bit video."""
    session = open_session(graph.read_bytes(), torch.get_num_threads())
    largest = 0.0
    for size in BATCHES:
        batch = windows[np.arange(size) % len(windows)]
        for levels, given in ((AS_THEY_ARE, {"levels": AS_THEY_ARE}), (_correction(description), {})):
            with torch.inference_mode():
                expected = network(torch.from_numpy(batch), torch.from_numpy(levels))[1].numpy()
            found = session.run(["probabilities"], {"frames": batch, **given})[0]
            largest = max(largest, float(np.abs(found - expected).max()))
    if not largest <= ALLOWED:
        raise ValueError(
            f"{description.name}: exported to ONNX, a probability differs by {largest:.2g} from PyTorch's, "
            f"allowed is {ALLOWED}"
        )
    return largest


def _write(network: Recogniser, windows: np.ndarray, path: Path, levels: np.ndarray) -> None:
    sizes = [torch.export.Dim(name, min=SMALLEST * (name != "windows") or 1, max=LARGEST) for name in SIZES]
    example = torch.from_numpy(np.ascontiguousarray(windows[[0, 0]])), torch.from_numpy(levels)
    with _quiet():
        try:
            program: Any = torch.onnx.export(
                network,
                example,
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                input_names=["frames", "levels"],
                output_names=["logits", "probabilities"],
                dynamic_shapes=({0: sizes[0], 2: sizes[1], 3: sizes[2]}, None),
            )
        except Exception as error:  # of many kinds, by stage of the exporter
            raise ValueError(f"the network cannot be exported to ONNX: {_reason(error)}") from error
    _give_default(program.model, levels)
    program.save(str(path))


def _correction(description: Description) -> np.ndarray:
    """What the graph does to the levels of 8-bit frames unless it is given other values: gamma, if that is all."""
    step, *others = description.frames
    if step["transform"] != "gamma" or others:
        return AS_THEY_ARE
    return gamma_table(step["gamma"]).astype(np.float32)


def _give_default(model: Any, levels: np.ndarray) -> None:
    """Make `levels` an input that need not be given: ONNX calls that an initializer with the name of an input."""
    import onnx_ir

    value = model.graph.inputs[1]
    value.const_value = onnx_ir.tensor(levels, name=value.name)
    model.graph.register_initializer(value)


def _reason(error: Exception) -> str:
    """The operators that an error of the exporter names, else its last line."""
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    text = "\n".join(str(each) for each in chain)
    operators = sorted(set(OPERATOR.findall(text)))
    return (
        f"no counterpart of {', '.join(operators)}" if operators else str(chain[-1]).strip().splitlines()[-1]
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
