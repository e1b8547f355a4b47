"""
A network initialised from a file of weights, and the account of what was loaded.

The last layer is re-initialised where its classes differ; the first is converted to another number of channels by a
rule of ukdlib.networks.stems. If less than LEAST of all other weights is found, the file is of another network.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ukdlib.artifacts.sealing import sha256
from ukdlib.learning.checkpoints import own_metadata
from ukdlib.learning.optimization import head_of
from ukdlib.learning.seen import Seen
from ukdlib.networks.stems import RULES as STEM_RULES
from ukdlib.networks.stems import find_stems
from ukdlib.pretrained.naming import foreign_name, rearranged
from ukdlib.pretrained.publishing import check_sum
from ukdlib.pretrained.reading import read_weights

LEAST = 0.9  # share of the parameters outside the head


@dataclass
class Account:
    """What happened to a network's weights, by our names, and what of the file was not used, by the file's."""

    matched: list[str] = field(default_factory=list)
    converted: list[str] = field(default_factory=list)  # the stem, from another number of channels
    renewed: list[str] = field(default_factory=list)  # the head, of other classes
    lacking: list[str] = field(default_factory=list)  # random, as the seed made them
    left_over: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{len(self.matched)} weights matched"]
        for name in ("converted", "renewed", "lacking", "left_over"):
            if names := getattr(self, name):
                parts.append(f"{name.replace('_', ' ')}: {', '.join(names)}")
        return "; ".join(parts)


def start_from(
    network: nn.Module,
    path: str | Path,
    settings: dict[str, Any] | None,
    classes: list[str],
    modality: dict[str, Any] | None = None,
) -> tuple[dict[str, Any] | None, Seen]:
    """
    Load a file's weights into `network`, in place; settings: {naming, stem, note} of the entry under `weights`.

    Without settings nothing is done. Prints the account, returns what the checkpoint records: {note, sha256,
    matched, renewed, ...}, and what the weights have seen: unknown, unless it is a checkpoint of ours. The head of one
    is kept only if its `classes` are the same. Raises ValueError if the file is not a file of weights, is of another
    network, is a checkpoint of ours of another kind of input than `modality`, which this network sees (pictures, flow,
    or what changes in a clip), or has another hash than a list of hashes beside it says.
    """
    if settings is None:
        return None, Seen()
    check_sum(path)
    stated = own_metadata(path)
    if stated is not None and modality is not None:
        _refuse_other_input(path, stated["modality"], modality)
    renew = stated is not None and stated["classes"] != classes  # third-party files do not name their classes
    weights = rearranged(read_weights(path), settings["naming"])
    try:
        account = load_matching(network, weights, settings, renew)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    print(f"{path}: {account}", file=sys.stderr)
    counted = {"matched": len(account.matched), "converted": account.converted, "renewed": account.renewed}
    missing = {"lacking": account.lacking, "left_over": len(account.left_over)}
    seen = Seen(unknown=[settings["note"]]) if stated is None else Seen.stated(path, stated)
    return {"note": settings["note"], "sha256": sha256(path), **counted, **missing}, seen


def _refuse_other_input(path: str | Path, stated: dict[str, Any], modality: dict[str, Any]) -> None:
    kinds = ("flow", "moving")
    if any(stated.get(kind, False) != modality.get(kind, False) for kind in kinds):
        raise ValueError(
            f"{path}: weights of a network that sees {stated['name']!r}, but this one sees {modality['name']!r}, "
            "another kind of input; start from weights of the same kind"
        )


def load_matching(
    network: nn.Module, weights: dict[str, torch.Tensor], settings: dict[str, Any], renew: bool = False
) -> Account:
    """
    Copy what has our name and shape; see the module docstring. Raises ValueError if the file is of another network.

    settings: {naming, stem}; renew: re-initialise the head even if its shape fits.
    """
    naming, stem = settings["naming"], settings["stem"]
    own = network.state_dict()
    head = {id(value) for value in head_of(network).state_dict(keep_vars=True).values()}
    heads = {name for name, value in network.named_parameters() if id(value) in head}
    stems = {f"{name}.weight" for name in _stems(network)}
    account, wrong = Account(), []
    for name, value in own.items():
        found = weights.get(foreign_name(name, naming))
        if found is None:
            account.lacking += [name] if not name.endswith("num_batches_tracked") else []
        elif name in heads and (renew or found.shape != value.shape):
            account.renewed.append(name)
        elif found.shape == value.shape:
            own[name] = found
            account.matched.append(name)
        elif name in stems and found.shape[:1] + found.shape[2:] == value.shape[:1] + value.shape[2:]:
            own[name] = STEM_RULES[stem](found, value.shape[1])
            account.converted.append(name)
        else:
            wrong.append(f"{name} is {list(value.shape)}, in the file {list(found.shape)}")
    wanted = {foreign_name(name, naming) for name in own}
    account.left_over = sorted(set(weights) - wanted)
    _check(own, account, heads, wrong)
    network.load_state_dict(own)
    return account


def _stems(network: nn.Module) -> list[str]:
    """The convolutions that take the clip, which has two or three channels."""
    for channels in (3, 2):
        try:
            return find_stems(network, channels)
        except ValueError:
            continue
    return []  # no convolution, or several: none is converted


def _check(own: dict[str, torch.Tensor], account: Account, heads: set[str], wrong: list[str]) -> None:
    if wrong:
        raise ValueError(f"weights of another network: {len(wrong)} shapes differ: {'; '.join(wrong[:3])}")
    body = {name: value.numel() for name, value in own.items() if name not in heads}
    share = 1 - sum(body.get(name, 0) for name in account.lacking) / sum(body.values())
    if share < LEAST:
        raise ValueError(
            f"weights of another network, or of another naming: {100 * share:.0f} % of the network are in it, "
            f"at least {100 * LEAST:.0f} % must be; it lacks {account.lacking[:3]} "
            f"and has {account.left_over[:3]} left over"
        )
