"""
The processes that train one network together, as each of them sees the others; a single one sees only itself.

Each holds the whole network, takes its share of every batch, and updates its weights by the gradients of all. On
GPUs batch norms see the whole batch, too. On a CPU torch has no such batch norm: there each process normalises
by its own share, and the first one's stored statistics are kept.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

# messages between hosts, such as agree(), use gloo: nothing waits for a GPU
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Inside the block this process, started by torchrun, is one of many; device: cpu or cuda."""
    # the others are on this machine, whatever its name resolves to
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group(BACKENDS[device])
    yield
    dist.destroy_process_group()  # not after an error: it might wait for others who wait for this one


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; number 0 writes files and logs the progress."""
    return dist.get_rank() if dist.is_initialized() else 0


def share(positions: np.ndarray, most: int) -> list[np.ndarray]:
    """
    This process's share of some clips, in parts of `most`; shares differ by at most one clip.

    All processes have equally many parts, since they synchronise in each; where shares differ, the last part of the
    larger ones may have one clip more than `most`.
    """
    shares = np.array_split(positions, world())
    parts = max(1, -(-len(shares[-1]) // most))
    return np.split(shares[rank()], list(range(most, most * parts, most)))


def total(values: torch.Tensor) -> torch.Tensor:
    """The sum over all processes."""
    if world() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def agree(wish: bool) -> bool:
    """Whether any process wishes it; all must call this at the same point."""
    return bool(total(torch.tensor(int(wish)))) if world() > 1 else wish


def gathered(value: Any) -> list[Any]:
    """The value of each process, by rank; also a barrier: none continues before all have reached it."""
    values = [value] * world()
    if world() > 1:
        dist.all_gather_object(values, value)
    return values


def with_common_statistics(network: nn.Module) -> nn.Module:
    """The network with batch norms over the clips of all processes, where they are on GPUs."""
    if world() > 1 and next(network.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return network


def parallel(network: nn.Module) -> nn.Module:
    """The network such that a backward pass leaves the mean over all processes in its gradients."""
    if world() == 1:
        return network
    # the strides of 1x1x1 kernels, which are one layout
    warnings.filterwarnings("ignore", "Grad strides do not match")
    # networks may have unused weights: a pretraining head, for example
    return DistributedDataParallel(network, find_unused_parameters=True)


def alone(network: nn.Module) -> AbstractContextManager:
    """Inside the block, backward passes of what parallel() returned add up only this process's gradients."""
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()
