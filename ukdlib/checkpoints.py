"""
Trained networks as safetensors files: weights, and in the header all that rebuilding the network takes.

Metadata are JSON values by key: network (arch and options), in_channels, classes, whatever the trainer adds
(modality, recipe, seed) and a hash of all these. Nothing in such a file is executed when it is read.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ukdlib.networks import build_network
from ukdlib.provenance import config_hash

REQUIRED = ("network", "in_channels", "classes")


def save_checkpoint(path: str | Path, network: nn.Module, metadata: dict[str, Any]) -> None:
    """Write a network; metadata: JSON values, with network {arch, options...}, in_channels and classes."""
    missing = sorted(set(REQUIRED) - set(metadata))
    if missing:
        raise ValueError(f"{path}: metadata lacks {', '.join(missing)}")
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    part = f"{path}.part"
    # one key: safetensors writes several in an order that changes from run to run
    stated = {**metadata, "config_hash": config_hash(metadata)}
    save_file(weights, part, {"ukd": json.dumps(stated, sort_keys=True)})
    os.replace(part, path)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of a checkpoint, without its weights."""
    return _open(path)[1]


def load_network(path: str | Path, **expected: Any) -> tuple[nn.Module, dict[str, Any]]:
    """
    (network in eval mode on the CPU, metadata) of a checkpoint; expected: values its metadata must have.
    """
    weights, metadata = _open(path)
    for key, value in expected.items():
        if metadata.get(key) != value:
            raise ValueError(f"{path}: its {key} is {metadata.get(key)!r}, not {value!r}")
    network = build_network(
        num_classes=len(metadata["classes"]), in_channels=metadata["in_channels"], **metadata["network"]
    )
    network.load_state_dict({name: weights.get_tensor(name) for name in weights.keys()})
    return network.eval(), metadata


def sha256(path: str | Path) -> str:
    """Hexadecimal hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(path: str | Path) -> tuple[Any, dict[str, Any]]:
    try:
        weights = safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"{path}: not a checkpoint: {error}") from None
    metadata = json.loads((weights.metadata() or {}).get("ukd", "{}"))
    missing = sorted(set(REQUIRED) - set(metadata))
    if missing:
        raise ValueError(f"{path}: not a checkpoint of ukd: metadata lacks {', '.join(missing)}")
    return weights, metadata
