"""CSV: a row for each moment, or for each source without answer."""

import csv
import io
from collections.abc import Iterable, Iterator

from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer
from ukdlib.videos.folders import plain

HEADS = ["source", "start", "end", "label", "probability", "error", "time"]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first characters of a cell that spreadsheets compute


def write(answers: Iterable[Answer], shown: Shown) -> Iterator[str]:
    """HEADS, then a column for each class; times in seconds, `time` the time of day of a stream; no label: unsure."""
    yield _row([*HEADS, *shown.classes])
    for answer in answers:
        if answer.error:
            yield _row([plain(answer.source), "", "", "", "", answer.error, "", *[""] * len(shown.classes)])
        for moment in answer.moments:
            values = [f"{value:.6f}" for value in moment.probabilities]
            label = shown.label(moment.probabilities) or ""
            times = f"{moment.start:.3f}", f"{moment.end:.3f}"
            highest = f"{max(moment.probabilities):.6f}"
            yield _row([plain(answer.source), *times, label, highest, "", answer.when, *values])


def _row(cells: list[str]) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow([f"'{c}" if c.startswith(FORMULA) else c for c in cells])
    return row.getvalue()
