"""WebVTT, subtitles of a web page's video: a cue for each stretch of time with one class (W3C, 2019)."""

import html
from collections.abc import Iterable, Iterator

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer
from ukdlib.videos.folders import plain


def write(answers: Iterable[Answer], shown: Shown) -> Iterator[str]:
    """Of one source; ValueError if there are several, since subtitles belong to one video, or if it has no answer."""
    found = list(answers)
    for answer in found:
        if answer.error:
            raise ValueError(f"{plain(answer.source)}: {answer.error}; no subtitles were written")
    if len(found) > 1:
        raise ValueError(f"subtitles (.vtt) are for one video, not for {len(found)}")
    yield f"WEBVTT\n\nNOTE {_escaped(shown.name)}\n"
    for answer in found:
        for segment in answer.segments(shown.threshold):
            text = f"{_escaped(shown.class_name(segment.label))} ({segment.probability:.0%})"
            yield f"\n{_time(segment.start)} --> {_time(segment.end)}\n{text}\n"


def _time(seconds: float) -> str:
    thousandths = round(1000 * seconds)
    minutes, thousandths = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{thousandths // 1000:02}.{thousandths % 1000:03}"


def _escaped(text: str) -> str:
    """Neither a tag nor an arrow, nor an empty line, which would end the cue."""
    return html.escape(" ".join(text.split()), quote=False)
