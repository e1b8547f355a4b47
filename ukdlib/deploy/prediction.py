"""What a model finds in videos: one answer for each, or answers over time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from ukdlib.deploy.model import Model
from ukdlib.deploy.preparation import Pictures
from ukdlib.deploy.windows import Segment, Window, segments, sliding, smoothed, test_windows
from ukdlib.videos.containers import VideoError, frame_rate, open_video, video_stream
from ukdlib.videos.decoding import Film, Reading

WHOLE = 2**29  # bytes of frames that are kept of a video with one answer; so many for each reader
ENDLESS = 2**62  # frames, more than any video has
TOGETHER = 8  # windows that a network sees at once
READERS = 2  # threads that read videos before they are needed


class Moment(NamedTuple):
    """Begin and end of a window in seconds, and calibrated probabilities (C,)."""

    start: float
    end: float
    probabilities: np.ndarray


@dataclass(frozen=True)
class Answer:
    """
    Of one source: its moments in order, what was noticed, or why there is none.

    over_time: whether the question was what happens when, not what a clip shows. when: of a stream, the time of day at
    which it was answered, as ISO 8601.
    """

    source: str
    moments: list[Moment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str = ""
    over_time: bool = False
    when: str = ""

    def segments(self, threshold: float = 0.0) -> list[Segment]:
        """Stretches of one class (ukdlib.deploy.windows.segments)."""
        times = [(moment.start, moment.end) for moment in self.moments]
        return segments(times, np.stack([moment.probabilities for moment in self.moments]), threshold)


def film_of(model: Model, path: str, steady: bool = False) -> Film:
    """
    A video file at the model's rate, however long.

    steady: if the model has none, at the file's own, kept even where the file's varies, so that frames tell the time.
    """
    reading = model.description.reading
    rate = reading["fps"]
    if rate is None and steady:
        with open_video(path) as container:
            rate = frame_rate(video_stream(container))
    return Film(path, Reading(rate, ENDLESS, reading["max_megapixels"]))


class Clip(NamedTuple):
    """A video that was read: its test windows uint8 (N, T, H, W, C), its length in seconds, what was noticed."""

    windows: np.ndarray
    seconds: float
    notes: list[str]


def whole(model: Model, paths: Sequence[str]) -> Iterator[Answer]:
    """
    One answer for each video, in order, from the windows on which the model was tested: right for clips of one action.

    Videos are read ahead by threads, and windows of the same size are seen together by the network.
    """
    batch: list[tuple[str, Clip]] = []
    for path, clip in ahead(lambda path, ended: _read(model, path, ended), paths):
        full = sum(len(other.windows) for _, other in batch) >= TOGETHER
        if batch and (
            full or isinstance(clip, str) or clip.windows.shape[1:] != batch[0][1].windows.shape[1:]
        ):
            yield from _answered(model, batch)
            batch = []
        if isinstance(clip, str):
            yield Answer(path, error=clip)
        else:
            batch.append((path, clip))
    if batch:
        yield from _answered(model, batch)


def ahead(read: Callable[[str, Event], Any], paths: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """
    (path, read(path, ended)) of each in order; READERS threads are that many paths ahead.

    ended: set when nobody wants any more, so that whoever reads can stop.
    """
    left, ended, pool = iter(paths), Event(), ThreadPoolExecutor(READERS)
    try:
        begun = deque((path, pool.submit(read, path, ended)) for path in islice(left, READERS))
        while begun:
            path, result = begun.popleft()
            yield path, result.result()
            begun += [(path, pool.submit(read, path, ended)) for path in islice(left, 1)]
    finally:
        ended.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _read(model: Model, path: str, ended: Event) -> Clip | str:
    """A clip, or why there is none."""
    film, recipe = film_of(model, path), model.description.recipe
    frames: list[np.ndarray] = []
    size = 0
    try:
        for frame in model.frames(lambda: film):
            frames.append(frame)
            if ended.is_set():
                return "interrupted"
            if (size := size + frame.nbytes) > WHOLE:
                raise VideoError("too long for one answer; --hop answers over time")
    except VideoError as error:
        return str(error)
    windows = test_windows(frames, recipe["test_clips"], recipe["frames"], recipe["stride"])
    seconds, notes = len(frames) / film.fps, list(film.notes)
    if len(frames) > 2 * model.description.span * recipe["test_clips"]:
        notes.append(f"one answer for {seconds:.0f} s, of which few were looked at; --hop answers over time")
    return Clip(windows, seconds, notes)


def _answered(model: Model, batch: Sequence[tuple[str, Clip]]) -> Iterator[Answer]:
    """The network sees all windows of a batch at once."""
    logits = model.logits(np.concatenate([clip.windows for _, clip in batch]))
    ends = np.cumsum([len(clip.windows) for _, clip in batch])
    for (path, clip), views in zip(batch, np.split(logits, ends[:-1]), strict=True):
        probabilities = model.probabilities(views.reshape(-1, views.shape[-1]))
        yield Answer(path, [Moment(0.0, clip.seconds, probabilities)], clip.notes)


def over_time(
    model: Model,
    path: str,
    hop: float,
    tap: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]] = iter,
    notes: list[str] | None = None,
) -> Iterator[Moment]:
    """
    A moment every `hop` seconds of a video file, to the nearest frame; VideoError where it cannot be read.

    tap: sees the pictures as they pass, uint16 (H, W, 3) as filmed. notes: what was noticed is added to it at the end.
    """
    film = film_of(model, path, steady=True)
    yield from moments(model, lambda: tap(film), lambda: film.fps, hop)
    if notes is not None:
        notes += film.notes


def moments(
    model: Model, pictures: Pictures, rate: Callable[[], float], hop: float, together: int = TOGETHER
) -> Iterator[Moment]:
    """
    A moment every `hop` seconds of pictures as filmed, to the nearest of them; rate(): frames per second, known once
    the first is there.

    together: windows that the network sees at once; the first answer waits for as many.
    """
    recipe = model.description.recipe
    frames = model.frames(pictures)
    first = next(iter(frames), None)
    if first is None:
        raise VideoError("no frames")
    per_second = rate()
    windows = sliding(chain([first], frames), recipe["frames"], recipe["stride"], hop * per_second)
    for batch in in_batches(windows, together):
        logits = model.logits(np.stack([window.frames for window in batch]))
        for window, probabilities in zip(batch, model.probabilities(logits), strict=True):
            yield Moment(window.first / per_second, window.end / per_second, probabilities)


def in_batches(windows: Iterable[Window], size: int) -> Iterator[list[Window]]:
    """Up to `size` at a time."""
    held: list[Window] = []
    for window in windows:
        held.append(window)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def smooth(found: Sequence[Moment], hop: float, seconds: float) -> list[Moment]:
    """Each moment's probabilities averaged over those within `seconds` around it; 0 changes nothing."""
    if not found:
        return []
    count = 2 * round(seconds / 2 / hop) + 1
    means = smoothed(np.stack([moment.probabilities for moment in found]), count)
    return [moment._replace(probabilities=mean) for moment, mean in zip(found, means, strict=True)]
