"""Answers as a table for a terminal, and how far it has come."""

import sys
import time
from collections.abc import Sequence

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer


def table(answers: Sequence[Answer], shown: Shown) -> str:
    """A line for each video, or for each stretch of time with one class; then what was noticed."""
    rows = [row for answer in answers for row in _rows(answer, shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    notes = [f"{answer.source}: {note}" for answer in answers for note in answer.notes]
    return "\n".join([*lines, *notes])


def _rows(answer: Answer, shown: Shown) -> list[tuple[str, str, str]]:
    if answer.error:
        return [(answer.source, "-", answer.error)]
    if len(answer.moments) == 1:
        probabilities = answer.moments[0].probabilities
        first, second = probabilities.argsort()[::-1][:2].tolist()
        label = shown.label(probabilities) or f"unsure, perhaps {shown.classes[first]}"
        others = f"{shown.classes[second]} {probabilities[second]:.0%}"
        return [(answer.source, label, f"{probabilities[first]:.0%}, then {others}")]
    return [
        (
            f"{answer.source} {each.start:7.1f} to {each.end:.1f} s",
            shown.class_name(each.label),
            f"{each.probability:.0%}",
        )
        for each in answer.segments(shown.threshold)
    ]


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
            self._say(f"{self.done} of {self.count}, {left:.0f} s left: {name}")

    def reached(self, name: str, seconds: float) -> None:
        """So much of a video is done."""
        speed = seconds / max(time.monotonic() - self.began, 1e-6) if self.count == 1 else 0.0
        fast = f", {speed:.1f} times as fast as it was filmed" if speed else ""
        self._say(f"{name}: {seconds:.0f} s{fast}")

    def end(self) -> None:
        """All are done."""
        self._say("")

    def _say(self, text: str) -> None:
        if self.shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
