"""One training from a network's initial weights to its checkpoint: the same for teachers, students and folds."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ukdlib.artifacts.provenance import config_hash, videos_hash
from ukdlib.learning.checkpoints import save_checkpoint
from ukdlib.learning.inference import computed_in
from ukdlib.learning.resuming import discard_state
from ukdlib.learning.seen import Seen
from ukdlib.learning.training import Lesson, Run, fit, write_history
from ukdlib.learning.trial import check_network
from ukdlib.networks import initial_network

# (network, classes=, modality=): loads initial weights, returns what is recorded of them and what they have seen
Start = Callable[..., tuple[dict[str, Any] | None, Seen]]


@dataclass(frozen=True)
class Course:
    """What is trained, and how."""

    name: str  # for error messages, such as teachers.rgb
    network: dict[str, Any]  # arch and options
    recipe: dict[str, Any]
    classes: list[str]
    frames: str  # how the frames were made: the modality's whole chain of transforms
    start: Start
    seen: Seen  # in this training, by it and by those it learns from
    held_out: dict[str, str]  # videos that are not to have been seen, name -> hash


def complete(
    course: Course, lesson: Lesson, run: Run, resources: dict[str, Any], output: dict[str, str]
) -> None:
    """
    Train a network and write its checkpoint and history (the keys of output); the training state is removed.

    Before it trains raises ValueError if the weights at the start have seen videos that are held out, RuntimeError if
    cuDNN computes wrongly in the recipe's precision.
    resources: how clips are read, which does not change results: the recipe's workers and cache, among others.
    """
    channels, recipe, classes = lesson.modality.channels, course.recipe, course.classes
    print(f"{computed_in(recipe['precision'], run.device)} on {run.device}", file=sys.stderr)  # or refused
    network = initial_network(course.network, len(classes), channels, run.seed)
    check_network(network, channels, recipe, len(classes), course.name)
    start, before = course.start(network, classes=classes, modality=asdict(lesson.modality))
    before.refuse_leak(course.name, course.held_out, course.seen.videos)
    reading = {key: resources[key] for key in ("workers", "cache")}
    run = replace(run, key=config_hash({"key": run.key, "start": start}))
    write_history(output["history"], fit(network, lesson, {**recipe, **reading}, run))
    metadata = {
        "network": course.network,
        "modality": asdict(lesson.modality),
        "frames": course.frames,
        "recipe": recipe,
        "classes": classes,
        "seed": run.seed,
        "in_channels": channels,
        "start": start,
        "trained_on": videos_hash(np.asarray(lesson.video_ids)[lesson.labels >= 0].tolist()),
        "unlabelled": int((lesson.labels < 0).sum()),
        "seen": course.seen.and_also(before).as_json(),
    }
    save_checkpoint(output["checkpoint"], network, metadata)
    discard_state(run.state)
