"""
Third-party files of weights: name -> tensor, read without ever running code from the file.

safetensors, or PyTorch's own format through `weights_only`, which refuses everything but tensors and plain
containers. A pickle of another kind (PySlowFast's older caffe2 .pkl) is refused.
"""

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

WRAPPERS = ("state_dict", "model_state", "model", "model_state_dict")  # MMAction2, PySlowFast, others
PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and torch.compile


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """
    The tensors of a file by name, on the CPU; wrapping dictionaries and prefixes of wrapped networks are removed.

    Raises ValueError if the file has neither format, contains code, or contains no tensors.
    """
    content = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    weights = {_bare(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not weights:
        raise ValueError(f"{path}: contains no weights; its entries are {sorted(map(str, content))[:5]}")
    return weights


def _is_safetensors(path: str | Path) -> bool:
    """Detected by the bytes, since a downloaded file has no suffix: 8 of length, then JSON."""
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def _read_safetensors(path: str | Path) -> dict:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file: {error}") from None


def _read_torch(path: str | Path) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path}: not read: it is not a file of weights, or contains more than tensors, which could be code "
            f"({reason}); allowed are safetensors files, and PyTorch files of tensors and plain values"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: contains a {type(content).__name__}; a dictionary of tensors is needed")
    return content


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name
