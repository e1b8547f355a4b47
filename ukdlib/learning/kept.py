"""
The frames of a training kept where they are needed, in place of reading them again in every epoch: a recipe's `cache`.

`memory` saves decoding, `device` also the way to the GPU. Results are the same.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from ukdlib.learning.batches import Store
from ukdlib.machine import interruption
from ukdlib.machine.interruption import Interrupted
from ukdlib.machine.transfers import upload

CACHES = ("none", "memory", "device")
SHARE = 0.7  # of the memory that is free may be filled; the rest is the network's


class FramesInMemory:
    """All frames of some videos as arrays."""

    def __init__(self, videos: dict[str, np.ndarray]):
        self._videos = videos

    def shape(self, video_id: str) -> tuple[int, int, int, int]:
        """(T, H, W, C) of one video."""
        return self._videos[video_id].shape

    def window(self, video_id: str, indices: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Frames of these numbers, uint8 (len(indices), H, W, C)."""
        frames = self._videos[video_id]
        out = np.empty((len(indices), *frames.shape[1:]), np.uint8) if out is None else out
        for place, index in zip(out, indices, strict=True):
            place[...] = frames[index]
        return out


class FramesOnDevice:
    """All frames of some videos as tensors on one device."""

    def __init__(self, videos: dict[str, torch.Tensor], device: torch.device):
        self._videos, self.device = videos, device

    def shape(self, video_id: str) -> tuple[int, int, int, int]:
        """(T, H, W, C) of one video."""
        return tuple(self._videos[video_id].shape)  # type: ignore[return-value]

    def copy(self, video_id: str, indices: np.ndarray, out: torch.Tensor) -> None:
        """Frames of these numbers into `out` (len(indices), H, W, C), without waiting for the device."""
        out.copy_(self._videos[video_id].index_select(0, upload(torch.from_numpy(indices), self.device)))


Frames = Store | FramesOnDevice


def keep(store: Frames, video_ids: Sequence[str], cache: str, device: torch.device, workers: int) -> Frames:
    """
    The frames of these videos, kept as `cache` says (one of CACHES); read by some threads.

    Raises ValueError before it reads if they take more than SHARE of the memory that is free, Interrupted on a request
    to stop.
    """
    if cache not in CACHES:
        raise ValueError(f"recipe: unknown cache {cache!r}; known: {list(CACHES)}")
    if cache == "none" or isinstance(store, FramesOnDevice):
        return store
    size = sum(int(np.prod(store.shape(video_id))) for video_id in video_ids)
    _check_room(cache, size, free_memory(device if cache == "device" else torch.device("cpu")))
    began = time.monotonic()

    def read(video_id: str) -> torch.Tensor:
        """All frames of a video, on their way to where they are kept. Nothing is lost by a stop before the end."""
        if interruption.requested():
            raise Interrupted(f"stopped while frames were read into cache: {cache}")
        frames = torch.from_numpy(store.window(video_id, np.arange(store.shape(video_id)[0])))
        return frames.to(device) if cache == "device" else frames

    with ThreadPoolExecutor(max(1, workers), "reader") as pool:
        videos = dict(zip(video_ids, pool.map(read, video_ids), strict=True))
    print(f"cache: {size / 1e9:.2f} GB of frames in {time.monotonic() - began:.1f} s", file=sys.stderr)
    if cache == "device":
        return FramesOnDevice(videos, device)
    return FramesInMemory({video_id: frames.numpy() for video_id, frames in videos.items()})


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device; of a CPU those that Linux could give to a process."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return 1024 * int(lines["MemAvailable"].split()[0])


def _check_room(cache: str, size: int, free: int) -> None:
    if size > SHARE * free:
        raise ValueError(
            f"recipe: cache: {cache} would take {size / 1e9:.1f} GB for the frames of the training videos, but of the "
            f"{free / 1e9:.1f} GB that are free there it may fill {SHARE * free / 1e9:.1f}; set it to "
            f"{'memory or none' if cache == 'device' else 'none'}"
        )
