"""
A folder of weights that others start from: small files, their hashes, and a card that says what they are.

Convolutions and matrices are in half precision, which a start does not notice; statistics and biases stay as they were.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ukdlib.artifacts.sealing import beside, sha256
from ukdlib.learning.checkpoints import read_checkpoint, write_checkpoint
from ukdlib.learning.seen import Seen

SUMS = "SHA256SUMS"
SUM = re.compile(r"(?P<sum>[0-9a-fA-F]{64}) [ *](?:\./)?(?P<name>.+)")
HEADS = ("file", "network", "sees", "top-1, never seen", "trained on", "MB", "sha256")


def publish(source: str, target: str) -> None:
    """The checkpoint `source` as the smaller file `target`, with the same metadata."""
    weights, metadata = read_checkpoint(source)
    write_checkpoint(target, {name: _halved(value) for name, value in weights.items()}, metadata)


def _halved(value: torch.Tensor) -> torch.Tensor:
    return value.half() if value.is_floating_point() and value.dim() > 1 else value


def write_sums(path: str, files: Sequence[str]) -> None:
    """SHA-256 of some files, as `sha256sum -c` reads them."""
    with beside(path) as part:
        Path(part).write_text("".join(f"{sha256(file)}  {Path(file).name}\n" for file in sorted(files)))


def check_sum(path: str | Path) -> None:
    """ValueError if a file SHA256SUMS beside `path` lists it with another hash, or cannot be read."""
    sums = Path(path).parent / SUMS
    if not sums.is_file():
        return
    for number, line in enumerate(sums.read_text().splitlines(), start=1):
        if (match := SUM.fullmatch(line.strip())) is None:
            raise ValueError(f"{sums}:{number}: {line!r} is not `sha256  file`, as sha256sum writes it")
        if match["name"] == Path(path).name and (found := sha256(path)) != match["sum"].lower():
            raise ValueError(f"{path}: its sha256 is {found}, {sums} says {match['sum']}; get the file again")


def write_card(
    path: str, files: Sequence[str], metrics: Sequence[Mapping[str, Any]], words: Mapping[str, str]
) -> None:
    """
    Markdown that says what each file is; metrics: of each file's network on clips that it has not seen.

    words: {title, note, command, use}, text around the table.
    """
    rows = [_row(file, measured) for file, measured in zip(files, metrics, strict=True)]
    table = [HEADS, tuple("---" for _ in HEADS), *rows]
    parts = [
        f"# {words['title']}",
        words["note"],
        "\n".join(f"| {' | '.join(row)} |" for row in table),
        "Intervals: 95 %, bootstrap over groups.",
        f"Made by\n\n    {words['command']}",
        words["use"],
    ]
    with beside(path) as part:
        Path(part).write_text("\n\n".join(parts) + "\n")


def _row(file: str, measured: Mapping[str, Any]) -> tuple[str, ...]:
    _, metadata = read_checkpoint(file)
    low, high = (100 * bound for bound in measured["interval"])
    options = {key: value for key, value in metadata["network"].items() if key != "arch"}
    return (
        Path(file).name,
        f"`{metadata['network']['arch']}` {json.dumps(options)}",
        metadata["modality"]["name"],
        f"{100 * measured['top1']:.1f} [{low:.1f}, {high:.1f}] of {measured['n']} clips",
        f"{len(Seen.stated(file, metadata).videos)} clips",
        f"{Path(file).stat().st_size / 1e6:.2f}",
        f"`{sha256(file)[:12]}`",
    )
