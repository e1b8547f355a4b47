"""
Tasks that Label Studio imports, with the answers as predictions to be corrected.

They fit a labelling configuration with a Video named `video`, and, for one answer for each video, Choices named
`action`; for answers over time, TimelineLabels named `action`: docs/deploy.md.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer
from ukdlib.deploy.windows import Segment
from ukdlib.videos.folders import plain

RATE = 24.0  # frames per second of Label Studio's timeline, unless its Video has another frameRate


def write(answers: Iterable[Answer], shown: Shown) -> Iterator[str]:
    """One JSON array; sources without answer become tasks without prediction, to be labelled by hand."""
    tasks = [
        {"data": {"video": plain(answer.source)}, "predictions": _predictions(answer, shown)}
        for answer in answers
    ]
    yield json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _predictions(answer: Answer, shown: Shown) -> list[dict[str, Any]]:
    if not answer.moments:
        return []
    found = [each for each in answer.segments(shown.threshold) if each.label >= 0]
    kind = _range if answer.over_time else _choice
    results = [
        {"from_name": "action", "to_name": "video", "score": each.probability, **kind(each, shown)}
        for each in found
    ]
    score = min((each.probability for each in found), default=0.0)
    return [{"model_version": shown.name, "score": score, "result": results}]


def _choice(segment: Segment, shown: Shown) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": [shown.class_name(segment.label)]}}


def _range(segment: Segment, shown: Shown) -> dict[str, Any]:
    """Frames of the timeline, counted from 1."""
    frames = {"start": 1 + round(segment.start * RATE), "end": max(1, round(segment.end * RATE))}
    value = {"ranges": [frames], "timelinelabels": [shown.class_name(segment.label)]}
    return {"type": "timelinelabels", "value": value}
