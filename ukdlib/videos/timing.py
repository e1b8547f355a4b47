"""When each frame of a video is shown, whatever its time stamps are like; and how often, at another rate."""

import math

ROUNDING = 0.1  # of a frame: some containers keep time in whole milliseconds
STEADY = 1.5  # ratio of the longest to the shortest step in time up to which a rate counts as constant
GAP = 2.0, 10  # seconds and frames: a longer step is a cut of the recording, not a picture that stood still


class Clock:
    """
    Times of the frames of a video in the order of decoding, and how often each is repeated at the rate `fps`.

    rate: frames per second as the file says; fps: of the result, None = every frame once; counted: the file's time
    stamps are of no use, frames are evenly spaced. A stamp that is not later than the one before, as in files that
    were joined, and one after a gap begin anew: one frame after the last.
    """

    def __init__(self, rate: float, fps: float | None, counted: bool = False):
        self.rate, self.fps, self.counted = rate, fps, counted
        self.seen = self.due = self.joined = 0
        self.time = self.skipped = 0.0
        self.stamp: float | None = None
        self.steps: set[float] = set()

    def repeats(self, stamp: float | None) -> int:
        """How often the frame before this one is shown, now that this one begins at `stamp` (seconds)."""
        step = self._step(None if self.counted else stamp)
        self.seen += 1
        if self.seen == 1:
            return 0
        self.steps = {min(self.steps | {step}), max(self.steps | {step})}
        self.time += step
        return self._until(self.time)

    def last(self) -> int:
        """How often the last frame is shown."""
        return max(self._until(self.time + 1 / self.rate), 1 if self.due == 0 else 0)

    def notes(self) -> list[str]:
        """What was guessed or left out, in words."""
        sentences = []
        if self.counted:
            sentences.append(f"time stamps out of order: frames are counted, {self.rate:g} per second")
        if self.joined:
            sentences.append(f"time goes back before {self.joined} of its frames: the parts are joined")
        if self.fps is None and self.steps and max(self.steps) > STEADY * min(self.steps):
            sentences.append("its frame rate varies; set `fps` of the data set to resample it")
        if self.skipped:
            sentences.append(f"a gap of {self.skipped:.1f} s in time is left out")
        return sentences

    def _step(self, stamp: float | None) -> float:
        """Seconds since the frame before."""
        even, before = 1 / self.rate, self.stamp
        if stamp is None:
            self.stamp = None if before is None else before + even
            return even
        self.stamp = stamp
        if before is None:
            return even
        if stamp <= before:
            self.joined += 1
            return even
        if stamp - before > max(GAP[0], GAP[1] * even):
            self.skipped += stamp - before - even
            return even
        return stamp - before

    def _until(self, time: float) -> int:
        if self.fps is None:
            return 1
        count = max(0, math.ceil((time - ROUNDING / self.rate) * self.fps) - self.due)
        self.due += count
        return count
