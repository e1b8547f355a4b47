"""The command `ukd`: predict what videos show, measure how fast. Exit code 2 with one sentence if it cannot be done."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ukdlib.artifacts.sealing import beside
from ukdlib.deploy.engines import ENGINES, Choice
from ukdlib.deploy.model import Model, load
from ukdlib.deploy.outputs import csv_rows, json_lines, label_studio, webvtt
from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer, moments, over_time, smooth, whole
from ukdlib.deploy.preparation import needs_whole_clip
from ukdlib.deploy.sources import find_files
from ukdlib.deploy.streams import Stream, is_stream
from ukdlib.deploy.terminal import Progress, table
from ukdlib.videos.containers import VideoError
from ukdlib.videos.decoding import Reading

WRITERS: dict[str, Callable[..., Iterator[str]]] = {
    ".jsonl": json_lines.write,
    ".csv": csv_rows.write,
    ".vtt": webvtt.write,
    ".json": label_studio.write,
}
AT_ONCE = (".vtt", ".json")  # formats that need all answers
STREAM_HOP = 0.5  # seconds between answers over a stream, unless --hop says otherwise


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all answered; 1: some sources have no answer; 2: none has, or it could not begin."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError) as error:
        print(f"ukd: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ukd", description="Use networks that ukd has trained.")
    commands = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("model", help="folder of a packaged model")
    shared.add_argument("--engine", choices=["auto", *ENGINES], default="auto")
    shared.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    shared.add_argument(
        "--threads", type=_positive(int), help="of the network; as many as there are cores by default"
    )
    shared.add_argument("--own-code", action="store_true", help="run the code of a network of your own")
    _add_predict(commands.add_parser("predict", parents=[shared], help="what videos show"))
    _add_bench(commands.add_parser("bench", parents=[shared], help="how fast a model is here"))
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    add: Any = parser.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="videos, folders; or one camera (0), address (rtsp://...), or -",
    )
    add("--hop", type=_positive(float), help="seconds between answers; without it, one answer for each video")
    add("--smooth", type=_positive(float), default=0.0, help="average answers over so many seconds")
    add(
        "--abstain",
        type=float,
        metavar="RISK",
        help="be unsure rather than risk more than this share of errors",
    )
    add("--out", type=Path, help=f"write to a file: {', '.join(WRITERS)} (.json: for Label Studio)")
    add("--html", type=Path, help="a page that shows what was found when, in one file")
    add("--render", type=Path, metavar="MP4", help="the video, brightened, with what was found")
    add("--every", action="store_true", help="stream: use every picture, however late")
    add("--attempts", type=int, help="stream: how often in a row to open it again; without end by default")
    parser.set_defaults(command=predict)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_positive(float), default=10.0, help="how long to measure")
    parser.add_argument(
        "--size", type=_positive(int), nargs=2, default=[240, 320], metavar=("HEIGHT", "WIDTH")
    )
    parser.set_defaults(command=bench)


def _positive(kind: type) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        """The number; argparse says which option is wrong."""
        if (value := kind(text)) <= 0:
            raise ValueError
        return value

    convert.__name__ = f"{kind.__name__} above 0"
    return convert


def predict(options: argparse.Namespace) -> int:
    """`ukd predict`."""
    _check(options)
    model = load(options.model, options.engine, Choice(options.device, options.threads, options.own_code))
    threshold = 0.0 if options.abstain is None else model.threshold(options.abstain)
    shown = Shown(model.description.name, model.classes, threshold)
    if is_stream(options.sources[0]) and len(options.sources) == 1:
        return _follow(model, options, shown)
    return _answer(model, options, shown)


def _check(options: argparse.Namespace) -> None:
    """ValueError if options contradict each other, before anything is loaded."""
    suffix = options.out.suffix.lower() if options.out else None
    if suffix is not None and suffix not in WRITERS:
        raise ValueError(f"--out {options.out}: the suffix must be one of {', '.join(WRITERS)}")
    for path in (options.out, options.html, options.render):
        if path and not path.absolute().parent.is_dir():
            raise ValueError(f"{path}: there is no folder {path.absolute().parent}")
    if is_stream(options.sources[0]) and len(options.sources) == 1:
        if suffix in AT_ONCE or options.html or options.render:
            raise ValueError("a stream has no end: .vtt, .json, --html and --render need a file")
        if options.smooth:
            raise ValueError("--smooth looks ahead; it needs a file")
    elif (options.html or options.render or options.smooth) and not options.hop:
        raise ValueError("--html, --render and --smooth show answers over time; give --hop, 0.5 for example")


def _answer(model: Model, options: argparse.Namespace, shown: Shown) -> int:
    """Files: all are answered, then everything is written."""
    paths = find_files(options.sources)
    if options.render and len(paths) > 1:
        raise ValueError(f"--render is for one video, not for {len(paths)}")
    pages, progress = _Pages(options.html), Progress(len(paths))
    found = _over_time(model, paths, options, pages, progress) if options.hop else whole(model, paths)
    answers = []
    for answer in found:
        answers.append(answer)
        progress.step(answer.source)
    progress.end()
    print(table(answers, shown))
    if options.out:
        with beside(options.out) as part:
            pieces = WRITERS[options.out.suffix.lower()](answers, shown)
            part.write_text("".join(pieces), encoding="utf-8", newline="")
    pages.write(answers, shown)
    if options.render and not answers[0].error:
        from ukdlib.deploy.outputs.film import render

        render(options.render, model, answers[0], shown)
    failed = sum(bool(answer.error) for answer in answers)
    return 2 if failed == len(answers) else int(failed > 0)


def _over_time(
    model: Model, paths: Sequence[str], options: argparse.Namespace, pages: "_Pages", progress: Progress
) -> Iterator[Answer]:
    for path in paths:
        try:
            found = []
            for moment in over_time(model, path, options.hop, pages.tap(path)):
                found.append(moment)
                progress.reached(path, moment.end)
            yield Answer(path, smooth(found, options.hop, options.smooth))
        except VideoError as error:
            yield Answer(path, error=str(error))


class _Pages:
    """The page of --html, and the pictures that are kept for it."""

    def __init__(self, path: Path | None):
        self.path = path
        self.strips: dict[str, Any] = {}

    def tap(self, path: str) -> Callable[..., Any]:
        """What sees the pictures of a video as they pass."""
        if self.path is None:
            return iter
        from ukdlib.deploy.outputs.timeline import Strip

        self.strips[path] = Strip()
        return self.strips[path].watch

    def write(self, answers: Sequence[Answer], shown: Shown) -> None:
        """The page, if one is wanted."""
        if self.path is None:
            return
        from ukdlib.deploy.outputs.timeline import page

        with beside(self.path) as part:
            part.write_text(page(answers, self.strips, shown), encoding="utf-8")


def _follow(model: Model, options: argparse.Namespace, shown: Shown) -> int:
    """A stream: each answer is written as it is found."""
    if needs_whole_clip(model.description.frames):
        raise ValueError(
            f"{shown.name}: its frames depend on those that follow; it cannot be used on a stream"
        )
    source, reading = options.sources[0], model.description.reading
    stream = Stream(
        source,
        Reading(reading["fps"], max_megapixels=reading["max_megapixels"]),
        options.every,
        options.attempts,
    )
    found = moments(model, lambda: stream, lambda: stream.fps, options.hop or STREAM_HOP, together=1)
    answers = (Answer(source, [moment]) for moment in found)
    write = WRITERS[options.out.suffix.lower()] if options.out else json_lines.write
    target = open(options.out, "w", encoding="utf-8") if options.out else nullcontext(sys.stdout)
    try:
        with target as file:
            for piece in write(answers, shown):
                file.write(piece)
                file.flush()
    except VideoError as error:
        raise ValueError(f"{source}: {error}") from None
    finally:
        if stream.fps:
            report = stream.report
            print(
                f"{report.dropped} pictures dropped, opened again {report.reopened} times, "
                f"{report.behind:.1f} s behind at the end",
                file=sys.stderr,
            )
    return 0


def bench(options: argparse.Namespace) -> int:
    """`ukd bench`."""
    from ukdlib.deploy.speed import measure, sentences

    model = load(options.model, options.engine, Choice(options.device, options.threads, options.own_code))
    print("\n".join(sentences(model, measure(model, options.seconds, tuple(options.size)), options.threads)))
    return 0
