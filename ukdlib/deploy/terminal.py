"""Answers as a table for a terminal, and how far it has come."""

import sys
import time
from collections.abc import Sequence

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer
from ukdlib.videos.folders import plain


def table(answers: Sequence[Answer], shown: Shown) -> str:
    """A line for each video, or for each stretch of time with one class; then what was noticed."""
    rows = [row for answer in answers for row in _rows(answer, shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    notes = [f"{printable(answer.source)}: {note}" for answer in answers for note in answer.notes]
    return "\n".join([*lines, *notes])


def _rows(answer: Answer, shown: Shown) -> list[tuple[str, str, str]]:
    source = printable(answer.source)
    if answer.error:
        return [(source, "-", answer.error)]
    if not answer.over_time:
        probabilities = answer.moments[0].probabilities
        first, *others = probabilities.argsort()[::-1].tolist()
        label = shown.label(probabilities) or f"unsure, perhaps {shown.classes[first]}"
        then = "".join(f", then {shown.classes[other]} {probabilities[other]:.0%}" for other in others[:1])
        return [(source, label, f"{probabilities[first]:.0%}{then}")]
    return [
        (
            f"{source} {each.start:7.1f} to {each.end:.1f} s",
            shown.class_name(each.label),
            f"{each.probability:.0%}",
        )
        for each in answer.segments(shown.threshold)
    ]


def printable(text: str) -> str:
    """Without characters that a terminal would obey, or cannot encode."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in plain(text)
    )


class Progress:
    """On a terminal: how many of all videos are done, and how long the rest will take."""

    def __init__(self, count: int):
        self.count, self.done, self.began = count, 0, time.monotonic()
        self.shown = sys.stderr.isatty()

    def step(self, name: str) -> None:
        """One more is done."""
        self.done += 1
        if self.count > 1:
            left = (time.monotonic() - self.began) / self.done * (self.count - self.done)
            self._say(f"{self.done} of {self.count}, {left:.0f} s left: {printable(name)}")

    def reached(self, name: str, seconds: float) -> None:
        """So much of a video is done."""
        speed = seconds / max(time.monotonic() - self.began, 1e-6) if self.count == 1 else 0.0
        fast = f", {speed:.1f} times as fast as it was filmed" if speed else ""
        self._say(f"{printable(name)}: {seconds:.0f} s{fast}")

    def end(self) -> None:
        """All are done."""
        self._say("")

    def _say(self, text: str) -> None:
        if self.shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
