"""Several processes train as one does, are stopped as one is, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.test_training import CPU, IDS, LABELS, LESSON, RECIPE, knowledge, without_seconds
from ukdlib import distributed, interruption
from ukdlib.frames import open_shards, write_shard
from ukdlib.interruption import Interrupted
from ukdlib.training import HISTORY, Run, fit

TOLERANCE = 1e-4
UNEVEN = {"batch_size": 7, "micro_batch": 2}  # shares of 4 and 3 clips, hence parts of 2, 2 and of 2, 1


def network(dropout=0.0):
    """Frozen batch norm: each process would see its own share only; and a weight that no clip reaches."""
    torch.manual_seed(0)
    layers = [
        nn.Conv3d(3, 16, (1, 3, 3)),
        nn.BatchNorm3d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
    ]
    made = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(16, 3))
    made[0].register_parameter("unused", nn.Parameter(torch.ones(2)))
    return made


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("frames") / "shard0.arrow")
    write_shard(path, IDS, lambda name: LESSON.store.window(name, np.arange(4)))
    return replace(LESSON, store=open_shards([path]))


def trained(lesson, recipe, run, **settings):
    made = network(**settings)
    return without_seconds(
        fit(made, lesson, {**RECIPE, "batch_norm": "frozen", **recipe}, run)
    ), made.state_dict()


def assert_alike(one, other, tolerance):
    for first, second in zip(one[0], other[0], strict=True):
        for key in set(HISTORY) - {"seconds"}:
            assert first[key] == pytest.approx(second[key], abs=tolerance), key
    for name, value in one[1].items():
        torch.testing.assert_close(value, other[1][name], atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("taught", "recipe"),
    [(None, {}), (knowledge(views=2, replay=2), {**UNEVEN, "optimizer": "adamw", "lr": 0.01, "ema": 0.9})],
    ids=["teacher", "student, uneven shares"],
)
def test_two_processes_train_as_one_does(taught, recipe, lesson, tmp_path):
    told = replace(lesson, knowledge=taught)
    one, two = (
        trained(told, recipe, Run(3, CPU, f"{tmp_path}/{count}", processes=count)) for count in (1, 2)
    )
    assert len(one[0]) == RECIPE["epochs"] and one[0][-1]["loss"] < one[0][0]["loss"]
    assert_alike(one, two, TOLERANCE)
