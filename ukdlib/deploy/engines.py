"""Ways to run a packaged network: PyTorch, or ONNX Runtime, which needs no PyTorch. Both give the same logits."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ukdlib.artifacts.sealing import sha256
from ukdlib.deploy.description import FILE, ONNX, ONNX_FACTS, WEIGHTS, Description, sealed

AS_THEY_ARE = np.arange(256, dtype=np.float32)  # values of the levels of frames that are corrected already
SILENT = 3  # ONNX Runtime's number: errors only
Run = Callable[[np.ndarray], np.ndarray]


class Engine(NamedTuple):
    """name: torch | onnx; device; version of the library; run: windows uint8 (N, T, H, W, C) -> logits (N, V, C)."""

    name: str
    device: str
    version: str
    run: Run


class Choice(NamedTuple):
    """device: auto | cpu | cuda; threads of the network; own_code: run the user's own networks."""

    device: str = "auto"
    threads: int = len(os.sched_getaffinity(0))
    own_code: bool = False


def open_engine(name: str, folder: Path, description: Description, choice: Choice) -> Engine:
    """
    name: torch, onnx, or auto: ONNX Runtime on a CPU where it is installed and the model has a graph for it.

    ValueError with the remedy if it cannot be had, or if a file is not the one that was packaged.
    """
    if name == "auto":
        graph = (folder / ONNX).is_file() and find_spec("onnxruntime") is not None
        name = "onnx" if graph and choice.device != "cuda" and not _has_gpu(choice.device) else "torch"
    if name not in ENGINES:
        raise ValueError(f"unknown engine {name!r}; known: auto, {', '.join(ENGINES)}")
    return ENGINES[name](folder, description, choice)


def _has_gpu(device: str) -> bool:
    """Whether there is one to be used; torch is only asked where it is installed."""
    if device == "cpu" or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _torch(folder: Path, description: Description, choice: Choice) -> Engine:
    if find_spec("torch") is None:
        raise ValueError(
            f"{folder}: PyTorch is not installed, and there is no {ONNX} or no ONNX Runtime to do without; "
            "pip install torch, or pip install onnxruntime"
        )
    import torch

    from ukdlib.deploy.graph import recogniser
    from ukdlib.machine.devices import choose_device

    weights = folder / WEIGHTS
    _refuse_other(weights, description.weights)
    _refuse_own_code(folder, description.network["arch"], choice.own_code)
    device = choose_device(choice.device)
    torch.set_num_threads(choice.threads)  # choose_device takes one, for jobs that run in parallel
    network = recogniser(weights, description).to(device)
    levels = torch.from_numpy(AS_THEY_ARE).to(device)

    def run(windows: np.ndarray) -> np.ndarray:
        """Logits (N, V, C)."""
        with torch.inference_mode():
            return network(torch.from_numpy(windows).to(device), levels)[0].cpu().numpy()

    return Engine("torch", device.type, torch.__version__, run)


def _onnx(folder: Path, description: Description, choice: Choice) -> Engine:
    graph = folder / ONNX
    if not graph.is_file():
        raise ValueError(f"{folder}: there is no {ONNX} in it; use --engine torch")
    if choice.device == "cuda":
        raise ValueError("ONNX Runtime is used on a CPU only; use --engine torch with --device cuda")
    if find_spec("onnxruntime") is None:
        raise ValueError("ONNX Runtime is not installed; pip install onnxruntime, or use --engine torch")
    import onnxruntime

    facts = sealed(folder / ONNX_FACTS, ("model", "sha256"))
    _refuse_other(graph, facts["sha256"])
    if facts["model"] != description.function:
        raise ValueError(
            f"{graph}: it was made from another network than {folder / FILE} states; package it again"
        )
    session = open_session(str(graph), choice.threads)

    def run(windows: np.ndarray) -> np.ndarray:
        """Logits (N, V, C)."""
        return session.run(["logits"], {"frames": windows, "levels": AS_THEY_ARE})[0]

    return Engine("onnx", "cpu", onnxruntime.__version__, run)


def open_session(graph: str | bytes, threads: int) -> Any:
    """An ONNX Runtime session on the CPU, for a graph's path or its bytes."""
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = SILENT  # it remarks on an input that has a default
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


ENGINES: dict[str, Callable[[Path, Description, Choice], Engine]] = {"torch": _torch, "onnx": _onnx}


def _refuse_other(path: Path, expected: str) -> None:
    """ValueError unless a file is the one that was packaged."""
    if not path.is_file():
        raise ValueError(f"{path}: missing; the model is not complete, so get it again")
    if sha256(path) != expected:
        raise ValueError(f"{path}: damaged or exchanged: it is not the file of this model; get it again")


def _refuse_own_code(folder: Path, arch: str, allowed: bool) -> None:
    if ":" in arch and not allowed:
        raise ValueError(
            f"{folder}: its network is {arch}, code that is not part of ukd; if you trust it, --own-code runs it, "
            "or use --engine onnx, which needs none"
        )
