"""A packaged network, loaded: from pictures as they are filmed to probabilities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ukdlib.deploy.description import Description, read_description
from ukdlib.deploy.engines import Choice, Engine, open_engine
from ukdlib.deploy.preparation import Pictures, prepared
from ukdlib.deploy.windows import test_windows
from ukdlib.knowledge.calibration import calibrated, threshold_at

DEFAULT = Choice()
AT_MOST = 288  # pixels: the short side of frames that no correction resizes, as the pipeline stores them


@dataclass(frozen=True)
class Model:
    """What is known of a network, and what runs it."""

    description: Description
    engine: Engine

    @property
    def classes(self) -> list[str]:
        """C names, in the order of all probabilities."""
        return self.description.classes

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """
        Calibrated probabilities (C,) of one clip: pictures (T, H, W, 3) RGB as filmed, any T, uint8 or uint16 with
        white = 65535, at the model's rate (description.reading["fps"]; None: any).
        """
        if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype not in (np.uint8, np.uint16):
            raise ValueError(
                f"a model takes uint8 or uint16 pictures (T, H, W, 3), got {pictures.dtype} {pictures.shape}"
            )
        return self.probabilities(self.test_logits(list(self.frames(lambda: pictures))))

    def frames(self, pictures: Pictures) -> Iterator[np.ndarray]:
        """Pictures as filmed -> frames as the network was trained on, uint8 (H, W, C), one by one."""
        return prepared(pictures, self.description.frames, AT_MOST)

    def test_logits(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (V, C) of all views of a whole clip on which the network was tested: windows, each with its crops."""
        recipe = self.description.recipe
        windows = test_windows(frames, recipe["test_clips"], recipe["frames"], recipe["stride"])
        return self.logits(windows).reshape(-1, len(self.classes))

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """(N, V, C) of windows uint8 (N, T, H, W, C) of prepared frames, for each of its V crops."""
        return self.engine.run(np.ascontiguousarray(windows))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """(..., V, C) -> (..., C): the mean over views of softmax(logits), calibrated."""
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
        mean = (powers / powers.sum(axis=-1, keepdims=True)).mean(axis=-2)
        return calibrated(mean, self.description.temperature)

    def threshold(self, risk: float) -> float:
        """The probability below which to be unsure: above it, at most `risk` of the validation answers were wrong."""
        if self.description.calibration is None:
            raise ValueError(
                f"{self.description.name}: it is not calibrated, for its data set has no validation clips: "
                "nobody knows the risk of its answers"
            )
        return threshold_at(self.description.calibration["curve"], risk)


def load(folder: str | Path, engine: str = "auto", choice: Choice = DEFAULT) -> Model:
    """
    The model in a folder, as ukdlib.deploy.packaging writes it.

    engine: auto | torch | onnx. ValueError, in one sentence, if the folder is not a whole, unchanged model.
    """
    description = read_description(folder)
    return Model(description, open_engine(engine, Path(folder), description, choice))
