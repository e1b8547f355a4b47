"""The options of the command `ukd`, and which contradict each other: said before anything is loaded."""

import argparse
import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ukdlib.deploy.engines import ENGINES
from ukdlib.deploy.sources import find_files
from ukdlib.deploy.streams import is_stream

SUFFIXES = (".jsonl", ".csv", ".vtt", ".json")  # of --out
AT_ONCE = (".vtt", ".json")  # those that need all answers
CORES = len(os.sched_getaffinity(0))
LARGEST = 8192  # pixels of a side that is measured


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """
    The options, with `job`, predict or bench; for predict `stream` (a source, or None) and `paths` (files).

    argparse ends the program with code 2 where one cannot be read; ValueError if they contradict each other.
    """
    options = _parser().parse_args(arguments)
    if options.job == "predict":
        _settle(options)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ukd", description="Use networks that ukd has trained.")
    commands = parser.add_subparsers(required=True, dest="job")
    shared = argparse.ArgumentParser(add_help=False)
    add: Any = shared.add_argument
    add("model", help="folder of a packaged model")
    add("--engine", choices=["auto", *ENGINES], default="auto")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add(
        "--threads",
        type=_number(int, 1, 4 * CORES),
        default=CORES,
        help="of the network; by default one a core",
    )
    add("--own-code", action="store_true", help="run the code of a network of your own")
    _add_predict(commands.add_parser("predict", parents=[shared], help="what videos show"))
    add = commands.add_parser("bench", parents=[shared], help="how fast a model is here").add_argument
    add("--seconds", type=_number(float, 0.1, 3600), default=10.0, help="how long to measure")
    add("--size", type=_number(int, 8, LARGEST), nargs=2, default=[240, 320], metavar=("HEIGHT", "WIDTH"))
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    add: Any = parser.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="videos, folders; or one camera (0), address (rtsp://...), or -",
    )
    seconds = _number(float, 0.001, 1e6)
    add("--hop", type=seconds, help="seconds between answers; without it, one answer for each video")
    add("--smooth", type=seconds, help="average answers over so many seconds")
    add(
        "--abstain",
        type=_number(float, 0, 1),
        metavar="RISK",
        help="be unsure rather than risk more errors, as a share",
    )
    add("--out", type=Path, help=f"write to a file: {', '.join(SUFFIXES)} (.json: for Label Studio)")
    add("--html", type=Path, help="a page that shows what was found when, in one file")
    add("--render", type=Path, metavar="MP4", help="the video, brightened, with what was found")
    add("--every", action="store_true", help="stream: use every picture, however late")
    attempts = _number(int, 0, 10**6)
    add(
        "--attempts",
        type=attempts,
        help="stream: how often in a row to open it again; without end by default",
    )


def _number(kind: type, low: float, high: float) -> Callable[[str], Any]:
    """What reads a number of this kind, low and high included."""

    def read(text: str) -> Any:
        """argparse says which option the sentence is about."""
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return read


def _settle(options: argparse.Namespace) -> None:
    """Sources become `stream` or `paths`; ValueError if options contradict each other or a file cannot be written."""
    alone = len(options.sources) == 1 and is_stream(options.sources[0])
    options.stream = options.sources[0] if alone else None
    options.paths = [] if alone else find_files(options.sources)
    if options.out and options.out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--out {options.out}: the suffix must be one of {', '.join(SUFFIXES)}")
    (_of_stream if alone else _of_files)(options)
    _refuse_targets([options.out, options.html, options.render], options.paths)


def _of_stream(options: argparse.Namespace) -> None:
    if (options.out and options.out.suffix.lower() in AT_ONCE) or options.html or options.render:
        raise ValueError("a stream has no end: .vtt, .json, --html and --render need a file")
    if options.smooth:
        raise ValueError("--smooth looks ahead; it needs a file")


def _of_files(options: argparse.Namespace) -> None:
    count = len(options.paths)
    if options.every or options.attempts is not None:
        raise ValueError("--every and --attempts are for streams; of files every picture is used")
    if (options.html or options.render or options.smooth) and not options.hop:
        raise ValueError("--html, --render and --smooth show answers over time; give --hop, 0.5 for example")
    if options.smooth and options.smooth < 2 * options.hop:
        raise ValueError(
            f"--smooth {options.smooth:g} averages nothing: give twice --hop, {2 * options.hop:g}, or more"
        )
    if options.render and count > 1:
        raise ValueError(f"--render is for one video, not for {count}")
    if options.out and options.out.suffix.lower() == ".vtt" and count > 1:
        raise ValueError(f"subtitles (.vtt) are for one video, not for {count}")


def _refuse_targets(targets: Iterable[Path | None], sources: Sequence[str]) -> None:
    """ValueError if a file to be written is a source, is written twice, or cannot be written."""
    taken = {os.path.realpath(source): f"the source {source}" for source in sources}
    for target in (target for target in targets if target):
        real, folder = os.path.realpath(target), target.absolute().parent
        if real in taken:
            raise ValueError(f"{target}: this would overwrite {taken[real]}")
        if target.is_dir():
            raise ValueError(f"{target}: this is a folder; name a file in it")
        if not folder.is_dir():
            raise ValueError(f"{target}: there is no folder {folder}")
        if not os.access(folder, os.W_OK):
            raise ValueError(f"{target}: the folder {folder} cannot be written to")
        taken[real] = "what another option writes"
