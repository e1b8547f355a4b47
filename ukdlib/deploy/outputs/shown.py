"""What all formats share: whose answers they are, and when one is unsure."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shown:
    """name: of the model; classes: C names; threshold: probability below which it is unsure."""

    name: str
    classes: list[str]
    threshold: float = 0.0

    def label(self, probabilities: np.ndarray) -> str | None:
        """The most probable class, None if that is not sure enough."""
        best = int(probabilities.argmax())
        return self.classes[best] if probabilities[best] >= self.threshold else None

    def class_name(self, number: int) -> str:
        """Of a segment's class number; -1 is unsure."""
        return "unsure" if number < 0 else self.classes[number]
