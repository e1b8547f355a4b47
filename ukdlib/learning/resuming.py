"""
The training state in a file: written after every epoch, and within one on a request to stop.

On a CPU a resumed training ends bit for bit like an uninterrupted one.
"""

import io
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ukdlib.artifacts.sealing import beside, checksum, remove_link
from ukdlib.learning.optimization import Learner
from ukdlib.machine import distributed

SEAL = 9  # bytes of a state file before what torch wrote
Random = dict[str, Any]  # for the CPU and every GPU


@dataclass(frozen=True)
class Begun:
    """An unfinished epoch: the number of its finished steps and their measurements."""

    steps: int
    measured: list[torch.Tensor]


def random_state() -> Random:
    """The state of torch's random number generators."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def set_random_state(random: Random) -> None:
    """Restore it."""
    torch.set_rng_state(random["cpu"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(random["cuda"])


def save_state(
    path: str, key: str, learner: Learner, history: list[dict[str, Any]], begun: Begun | None = None
) -> None:
    """
    Write weights, momenta, moving average, random numbers and history; begun: the unfinished epoch.

    Of several processes the first writes for all; the others wait for it.
    """
    within = None if begun is None else {**asdict(begun), "measured": [m.cpu() for m in begun.measured]}
    own = distributed.gathered({"random": random_state(), "begun": within})
    state = {"key": key, "learner": learner.state_dict(), "history": history, "processes": own}
    if distributed.rank() == 0:
        write_state(path, state)
    distributed.gathered(None)


def write_state(path: str, state: dict[str, Any]) -> None:
    """Nested dicts and lists of tensors and numbers, sealed with a checksum; after an error no file is left."""
    torch.save(state, content := io.BytesIO())
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with beside(path) as part, open(part, "wb") as file:
        file.write(_seal(content.getbuffer()))
        file.write(content.getbuffer())


def read_state(path: str) -> dict[str, Any]:
    """The state given to write_state; raises ValueError if the file is not what it wrote."""
    content = memoryview(Path(path).read_bytes())
    if content[:SEAL] != _seal(content[SEAL:]):
        raise ValueError(f"{path} is not what was written")
    return torch.load(io.BytesIO(content[SEAL:]), map_location="cpu", weights_only=True)


def _seal(content: memoryview) -> bytes:
    return b"%08x\n" % checksum([content])


def load_state(path: str, key: str, learner: Learner) -> tuple[list[dict[str, Any]], Begun | None]:
    """
    Restore the state in `path`; returns its history and unfinished epoch, ([], None) if it has another key.

    An unreadable file counts as no state: only time is lost.
    """
    remove_link(path)
    if not Path(path).exists():
        return [], None
    try:
        state = read_state(path)
    except Exception as error:  # whatever a damaged file, or one of an earlier version, causes
        print(f"{path}: damaged, not resumed ({type(error).__name__})", file=sys.stderr)
        return [], None
    if state["key"] != key:
        print(f"{path}: from a training with other settings, not resumed", file=sys.stderr)
        return [], None
    learner.load_state_dict(state["learner"])
    own = _own_part(state["processes"])
    set_random_state(own["random"])
    begun = None if own["begun"] is None else Begun(**own["begun"])
    after = f" and {begun.steps} steps" if begun else ""
    print(f"{path}: resumed after {len(state['history'])} epochs{after}", file=sys.stderr)
    return state["history"], begun


def _own_part(processes: list[dict[str, Any]]) -> dict[str, Any]:
    """This process's part; after a change of their number the first process takes all measurements."""
    own = processes[distributed.rank() % len(processes)]
    if own["begun"] and len(processes) != distributed.world():
        parts = processes if distributed.rank() == 0 else []
        measured = [values for part in parts for values in part["begun"]["measured"]]
        own = {**own, "begun": {**own["begun"], "measured": measured}}
    return own


def discard_state(path: str) -> None:
    """Remove the training state once the checkpoint has been written."""
    Path(path).unlink(missing_ok=True)
