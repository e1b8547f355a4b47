"""A page that shows what was found when: pictures, probabilities, stretches of time. One file, which opens offline."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer
from ukdlib.frames.brightening import bright, gamma_for
from ukdlib.videos.folders import plain

PICTURES = 32  # of a video, at most
HEIGHT = 72  # pixels of their short side
QUALITY = 80  # of JPEG, of 100
TEMPLATE = Path(__file__).with_name("timeline.html.j2")


class Page:
    """One that is to be written, and the pictures that are kept for it while videos are read."""

    def __init__(self) -> None:
        self.strips: dict[str, Strip] = {}

    def tap(self, source: str) -> Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]:
        """What sees the pictures of a video as they pass."""
        self.strips[source] = Strip()
        return self.strips[source].watch

    def text(self, answers: Sequence[Answer], shown: Shown) -> str:
        """The page, as HTML."""
        return page(answers, self.strips, shown)


class Strip:
    """Pictures of a video, evenly spaced whatever its length, kept as they pass: (number, picture)."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.every, self.kept = 1, list[tuple[int, np.ndarray]]()
        self.gamma: float | None = None
        self.count = 0

    def watch(self, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same pictures (H, W, 3), as filmed."""
        self._begin()  # a correction that looks at the whole clip reads it twice
        for number, picture in enumerate(pictures):
            if number % self.every == 0:
                self.gamma = self.gamma or gamma_for(picture)
                self.kept.append((number, bright(picture, self.gamma, HEIGHT)))
                if len(self.kept) > PICTURES:
                    self.every, self.kept = 2 * self.every, self.kept[::2]
            self.count = number + 1
            yield picture

    def urls(self) -> list[dict[str, Any]]:
        """{at: share of the video's length, url: the picture as JPEG} of each."""
        return [{"at": number / self.count, "url": _url(picture)} for number, picture in self.kept]


def _url(picture: np.ndarray) -> str:
    done, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def page(answers: Sequence[Answer], strips: Mapping[str, Strip], shown: Shown) -> str:
    """HTML of all answers; strips: by source."""
    videos = [_video(answer, strips.get(answer.source), shown) for answer in answers]
    stated = {"classes": shown.classes, "videos": videos, "threshold": shown.threshold}
    # in a script, where HTML knows no escapes: </script> and <!-- end it, JSON's own escapes do not
    embedded = json.dumps(stated, ensure_ascii=True).replace("<", "\\u003c")
    template = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(name=shown.name, data=embedded, count=len(videos))


def _video(answer: Answer, strip: Strip | None, shown: Shown) -> dict[str, Any]:
    if answer.error:
        return {"source": plain(answer.source), "error": answer.error}
    return {
        "source": plain(answer.source),
        "end": answer.moments[-1].end,
        "pictures": strip.urls() if strip else [],
        "times": [round((moment.start + moment.end) / 2, 3) for moment in answer.moments],
        "probabilities": [[round(float(p), 4) for p in moment.probabilities] for moment in answer.moments],
        "segments": [
            {
                "start": each.start,
                "end": each.end,
                "label": each.label,
                "probability": round(each.probability, 4),
            }
            for each in answer.segments(shown.threshold)
        ],
    }
