"""The command `ukd`: predict what videos show, measure how fast. Exit code 2 with one sentence if it cannot be done."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import av

from ukdlib.artifacts.sealing import beside
from ukdlib.deploy.engines import Choice
from ukdlib.deploy.model import Model, load
from ukdlib.deploy.options import parse
from ukdlib.deploy.outputs import csv_rows, json_lines, label_studio, webvtt
from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.outputs.timeline import Page
from ukdlib.deploy.prediction import Answer, moments, over_time, smooth, whole
from ukdlib.deploy.preparation import needs_whole_clip
from ukdlib.deploy.streams import Stream
from ukdlib.deploy.terminal import Progress, table
from ukdlib.videos.containers import VideoError
from ukdlib.videos.decoding import Reading

WRITERS: dict[str, Callable[..., Iterator[str]]] = {
    ".jsonl": json_lines.write,
    ".csv": csv_rows.write,
    ".vtt": webvtt.write,
    ".json": label_studio.write,
}
STREAM_HOP = 0.5  # seconds between answers over a stream, unless --hop says otherwise


def main(arguments: list[str] | None = None) -> int:
    """0: all answered; 1: some sources have no answer; 2: none has, or it could not begin."""
    try:
        options = parse(arguments)
        return JOBS[options.job](options)
    except BrokenPipeError:  # who reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, MemoryError, av.FFmpegError) as error:
        print(f"ukd: {error or 'not enough memory'}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def predict(options: argparse.Namespace) -> int:
    """`ukd predict`."""
    model = _loaded(options)
    threshold = 0.0 if options.abstain is None else model.threshold(options.abstain)
    if options.abstain is not None and (options.hop or options.stream):
        _say("--abstain: the risk was measured on whole clips; over single windows it may be another")
    shown = Shown(model.description.name, model.classes, threshold)
    return _follow(model, options, shown) if options.stream else _answer(model, options, shown)


def bench(options: argparse.Namespace) -> int:
    """`ukd bench`."""
    from ukdlib.deploy.speed import measure, sentences

    model = _loaded(options)
    print("\n".join(sentences(model, measure(model, options.seconds, tuple(options.size)), options.threads)))
    return 0


JOBS = {"predict": predict, "bench": bench}


def _loaded(options: argparse.Namespace) -> Model:
    return load(options.model, options.engine, Choice(options.device, options.threads, options.own_code))


def _answer(model: Model, options: argparse.Namespace, shown: Shown) -> int:
    """Files: all are answered, then everything is written, and last shown."""
    page, progress = Page() if options.html else None, Progress(len(options.paths))
    found = _over_time(model, options, page, progress) if options.hop else whole(model, options.paths)
    answers = []
    for answer in found:
        answers.append(answer)
        progress.step(answer.source)
    progress.end()
    if options.out:
        with beside(options.out) as part:
            pieces = WRITERS[options.out.suffix.lower()](answers, shown)
            part.write_text("".join(pieces), encoding="utf-8", newline="")
    if page:
        with beside(options.html) as part:
            part.write_text(page.text(answers, shown), encoding="utf-8")
    if options.render and not answers[0].error:
        from ukdlib.deploy.outputs.film import render

        render(options.render, model, answers[0], shown)
    print(table(answers, shown), flush=True)
    failed = sum(bool(answer.error) for answer in answers)
    return 2 if failed == len(answers) else int(failed > 0)


def _over_time(
    model: Model, options: argparse.Namespace, page: Page | None, progress: Progress
) -> Iterator[Answer]:
    for path in options.paths:
        notes: list[str] = []
        try:
            found = []
            for moment in over_time(model, path, options.hop, page.tap(path) if page else iter, notes):
                found.append(moment)
                progress.reached(path, moment.end)
            yield Answer(path, smooth(found, options.hop, options.smooth or 0.0), notes, over_time=True)
        except VideoError as error:
            yield Answer(path, error=str(error))


def _follow(model: Model, options: argparse.Namespace, shown: Shown) -> int:
    """A stream: each answer is written as it is found, a file is begun with the first."""
    if needs_whole_clip(model.description.frames):
        raise ValueError(
            f"{shown.name}: its frames depend on those that follow; it cannot be used on a stream"
        )
    reading = model.description.reading
    limits = Reading(reading["fps"], max_megapixels=reading["max_megapixels"])
    stream = Stream(options.stream, limits, options.every, options.attempts)
    found = moments(model, lambda: stream, lambda: stream.fps, options.hop or STREAM_HOP, together=1)
    try:
        first = next(found)
        answers = (
            Answer(options.stream, [each], over_time=True, when=_now()) for each in chain([first], found)
        )
        _write_each(
            options, WRITERS[options.out.suffix.lower()] if options.out else json_lines.write, answers, shown
        )
    except VideoError as error:
        raise ValueError(f"{options.stream}: {error}") from None
    finally:
        if stream.fps:
            report = stream.report
            _say(
                f"{report.dropped} pictures dropped, opened again {report.reopened} times, "
                f"{report.behind:.1f} s behind at the end"
            )
    return 0


def _write_each(
    options: argparse.Namespace, write: Callable[..., Iterator[str]], answers: Iterable[Answer], shown: Shown
) -> None:
    target: Any = open(options.out, "w", encoding="utf-8") if options.out else nullcontext(sys.stdout)
    with target as file:
        for piece in write(answers, shown):
            file.write(piece)
            file.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
