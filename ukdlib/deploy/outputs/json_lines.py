"""JSON Lines: an object for each moment, or for each source without answer."""

import json
from collections.abc import Iterable, Iterator

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer
from ukdlib.videos.folders import plain


def write(answers: Iterable[Answer], shown: Shown) -> Iterator[str]:
    """
    Lines of {source, start, end (seconds), label (null: unsure), probability, probabilities {class: p}}, or of {source,
    error}. Of a stream they have `time`, too, the time of day; notes, where there are any, are with a source's first.
    """
    for answer in answers:
        if answer.error:
            yield (
                json.dumps({"source": plain(answer.source), "error": answer.error}, ensure_ascii=False) + "\n"
            )
        for number, moment in enumerate(answer.moments):
            values = [round(float(value), 6) for value in moment.probabilities]
            line = {
                "source": plain(answer.source),
                "start": round(moment.start, 3),
                "end": round(moment.end, 3),
                "label": shown.label(moment.probabilities),
                "probability": max(values),
                "probabilities": dict(zip(shown.classes, values, strict=True)),
            }
            if answer.when:
                line["time"] = answer.when
            if answer.notes and number == 0:
                line["notes"] = answer.notes
            yield json.dumps(line, ensure_ascii=False) + "\n"
