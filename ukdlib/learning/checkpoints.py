"""
Trained networks as safetensors files: weights, and in the header what they are of and what made them.

Metadata are JSON values by key: network (arch and options), in_channels, classes, what the trainer adds
(modality, frames, recipe, seed, trained_on, seen) and a hash of all these. They are compared with what is expected,
never obeyed: nothing in such a file is executed when it is read, nor names what is.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ukdlib.artifacts.provenance import config_hash
from ukdlib.artifacts.sealing import beside, checksum, damaged, refuse_damage
from ukdlib.networks import build_network

REQUIRED = ("network", "in_channels", "classes")
SEALS = ("config_hash", "checksum")


def save_checkpoint(path: str | Path, network: nn.Module, metadata: dict[str, Any]) -> None:
    """Write a network; metadata: JSON values, with network {arch, options...}, in_channels and classes."""
    missing = sorted(set(REQUIRED) - set(metadata))
    if missing:
        raise ValueError(f"{path}: metadata lacks {', '.join(missing)}")
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    write_checkpoint(path, weights, metadata)


def write_checkpoint(path: str | Path, weights: dict[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata as `read_checkpoint` returns them."""
    # one key: safetensors writes several in an order that changes from run to run
    stated = {**metadata, "config_hash": config_hash(metadata), "checksum": _checksum(weights)}
    with beside(path) as part:
        save_file(weights, part, {"ukd": json.dumps(stated, sort_keys=True)})
        Path(part).chmod(0o644)  # safetensors lets only the owner read: results are shared


def read_checkpoint(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(tensors by name, metadata) of a checkpoint, whatever network it is of; refused if any of it is damaged."""
    weights, metadata = _open(path)
    return _whole(path, weights, metadata), {k: v for k, v in metadata.items() if k not in SEALS}


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of a checkpoint, without its weights."""
    return _open(path)[1]


def load_network(
    path: str | Path, network: dict[str, Any], in_channels: int, classes: list[str], **others: Any
) -> tuple[nn.Module, dict[str, Any]]:
    """
    (network in eval mode on the CPU, metadata) of a checkpoint, which must be the one that is expected.

    network (arch and options), in_channels, classes, others: what its metadata must say, by key. The network is built
    from these, never from the file: a file that states another one could name any code. ValueError with both values.
    """
    weights, metadata = _open(path)
    expected = {"network": network, "in_channels": in_channels, "classes": classes, **others}
    for key, value in expected.items():
        if metadata.get(key) != json.loads(json.dumps(value)):
            raise ValueError(f"{path}: its {key} is {metadata.get(key)!r}, expected was {value!r}")
    built = build_network(num_classes=len(classes), in_channels=in_channels, **network)
    built.load_state_dict(_whole(path, weights, metadata))
    return built.eval(), metadata


def own_metadata(path: str | Path) -> dict[str, Any] | None:
    """The metadata of a checkpoint, refused if any of it is damaged; None for third-party weights."""
    try:
        ours = "ukd" in (safe_open(path, framework="pt").metadata() or {})
    except SafetensorError:
        ours = False
    if not ours:
        return None
    weights, metadata = _open(path)
    _whole(path, weights, metadata)
    return metadata


def _open(path: str | Path) -> tuple[Any, dict[str, Any]]:
    with refuse_damage(path, SafetensorError, json.JSONDecodeError, UnicodeDecodeError):
        weights = safe_open(path, framework="pt")
        metadata = json.loads((weights.metadata() or {}).get("ukd", "{}"))
    own_hash = config_hash({k: v for k, v in metadata.items() if k not in SEALS})
    if metadata and metadata.get("config_hash") != own_hash:
        raise damaged(path, "its metadata are not what was written")
    if missing := sorted(set(REQUIRED) - set(metadata)):
        raise ValueError(
            f"{path}: not a checkpoint of ukd: metadata lacks {', '.join(missing)}. "
            f"If this workflow wrote it, it is damaged; remove it and run again: rm '{path}'"
        )
    return weights, metadata


def _whole(path: str | Path, weights: Any, metadata: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors by name, refused if they are not those that were saved."""
    tensors = {name: weights.get_tensor(name) for name in weights.keys()}
    if _checksum(tensors) != metadata.get("checksum"):
        raise damaged(path, "its weights are not what was written")
    return tensors


def _checksum(weights: dict[str, torch.Tensor]) -> int:
    """Over names, shapes and values."""
    parts = (
        (f"{name} {tuple(value.shape)}".encode(), _bytes(value)) for name, value in sorted(weights.items())
    )
    return checksum(part for pair in parts for part in pair)


def _bytes(value: torch.Tensor) -> bytes:
    return value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
