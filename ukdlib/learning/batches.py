"""What is shown to a network in one pass: the clips, their order and views, and some of them as read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ukdlib.learning.views import Views


class Store(Protocol):
    """The part of ukdlib.frames.store.FrameStore that is needed here."""

    def shape(self, video_id: str) -> tuple[int, int, int, int]:
        """(T, H, W, C) of one video."""

    def window(self, video_id: str, indices: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Frames of these numbers, uint8 (len(indices), H, W, C), written to `out` if that is given."""


@dataclass(frozen=True)
class Samples:
    """The clips of one pass: N rows in the order in which they are used."""

    video_ids: Sequence[str]
    views: Views
    rows: np.ndarray  # (N,) int, returned with each clip


@dataclass(frozen=True)
class Batch:
    """n clips as stored, with what is needed to crop them."""

    frames: torch.Tensor  # (n, T, H, W, C) uint8, zero-padded to the largest height and width
    sizes: torch.Tensor  # (n, 2) int true height and width
    views: Views
    rows: torch.Tensor  # (n,) int
