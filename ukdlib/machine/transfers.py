"""Small tensors on their way to a device, such that a GPU need not be waited for."""

from functools import lru_cache

import torch


def upload(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The same on the device; to a GPU from pinned memory, so that the caller goes on while it is copied."""
    if device.type != "cuda" or values.is_cuda:
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


@lru_cache(64)
def constant(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """These numbers, float32, which are copied to the device only once."""
    return torch.tensor(values, dtype=torch.float32, device=device)
