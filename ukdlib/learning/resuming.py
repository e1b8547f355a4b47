"""
The state of a training in a file: after every epoch, and within one when it is asked to stop.

What goes on from it ends bit for bit like what was never interrupted, on a CPU.
"""

import io
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ukdlib.artifacts.sealing import beside, checksum
from ukdlib.learning.optimization import Learner
from ukdlib.machine import distributed

SEAL = 9  # bytes of a state's file before what torch wrote
Random = dict[str, Any]  # of the CPU and of every GPU


@dataclass(frozen=True)
class Begun:
    """An epoch of which some steps are done: their number, what they measured, the random numbers' state."""

    steps: int
    measured: list[torch.Tensor]
    random: Random


def random_state() -> Random:
    """Where torch's generators of random numbers are."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def set_random_state(random: Random) -> None:
    """Put them back."""
    torch.set_rng_state(random["cpu"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(random["cuda"])


def save_state(
    path: str, key: str, learner: Learner, history: list[dict[str, Any]], begun: Begun | None = None
) -> None:
    """
    Write weights, momenta, moving average, random numbers and history; begun: the epoch that is not whole.

    Of several processes the first writes for all; none leaves before it has.
    """
    within = None if begun is None else {**asdict(begun), "measured": [m.cpu() for m in begun.measured]}
    own = distributed.gathered({"random": random_state(), "begun": within})
    state = {"key": key, "learner": learner.state_dict(), "history": history, "processes": own}
    if distributed.rank() == 0:
        write_state(path, state)
    distributed.gathered(None)


def write_state(path: str, state: dict[str, Any]) -> None:
    """Nested dicts and lists of tensors and numbers, sealed with a checksum; after an error nothing is left of it."""
    torch.save(state, content := io.BytesIO())
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with beside(path) as part, open(part, "wb") as file:
        file.write(_seal(content.getbuffer()))
        file.write(content.getbuffer())


def read_state(path: str) -> dict[str, Any]:
    """What write_state was given; raises ValueError if the file is not what it has written."""
    content = memoryview(Path(path).read_bytes())
    if content[:SEAL] != _seal(content[SEAL:]):
        raise ValueError(f"{path} is not what was written")
    return torch.load(io.BytesIO(content[SEAL:]), map_location="cpu", weights_only=True)


def _seal(content: memoryview) -> bytes:
    return b"%08x\n" % checksum([content])


def load_state(path: str, key: str, learner: Learner) -> tuple[list[dict[str, Any]], Begun | None]:
    """
    Put the state that `path` holds in place; returns its history and begun epoch, ([], None) if it has another key.

    A file that cannot be read is a state that is not there: nothing but time is lost.
    """
    if not Path(path).exists():
        return [], None
    try:
        state = read_state(path)
    except Exception as error:  # whatever a damaged file, or one of an earlier version, leads to
        print(f"{path}: damaged, not resumed ({type(error).__name__})", file=sys.stderr)
        return [], None
    if state["key"] != key:
        print(f"{path}: of a training with other settings, not resumed", file=sys.stderr)
        return [], None
    learner.load_state_dict(state["learner"])
    own = _own_part(state["processes"])
    set_random_state(own["random"])
    begun = None if own["begun"] is None else Begun(**own["begun"])
    after = f" and {begun.steps} steps" if begun else ""
    print(f"{path}: resumed after {len(state['history'])} epochs{after}", file=sys.stderr)
    return state["history"], begun


def _own_part(processes: list[dict[str, Any]]) -> dict[str, Any]:
    """This process's own: of as many, its place; after a change of their number the first takes what was measured."""
    own = processes[distributed.rank() % len(processes)]
    if own["begun"] and len(processes) != distributed.world():
        parts = processes if distributed.rank() == 0 else []
        measured = [values for part in parts for values in part["begun"]["measured"]]
        own = {**own, "begun": {**own["begun"], "measured": measured}}
    return own


def discard_state(path: str) -> None:
    """Remove the state of a training whose checkpoint has been written."""
    Path(path).unlink(missing_ok=True)
