"""Several processes train like one, stop like one, and leave nothing behind."""

import atexit
import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.learning.test_training import CPU, IDS, LESSON, RECIPE, knowledge, without_seconds
from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.learning.resuming import read_state, write_state
from ukdlib.learning.training import HISTORY, Run, fit
from ukdlib.machine import distributed, interruption
from ukdlib.machine.interruption import Interrupted
from ukdlib.machine.torchrun import call_together

TOLERANCE = 1e-4


def network(dropout=0.0):
    """Frozen batch norm: each process would see its own share only; and an unused weight."""
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


@pytest.fixture(scope="module")
def by_two(lesson, tmp_path_factory):
    """The result of a teacher's training by two processes."""
    return trained(lesson, {}, Run(3, CPU, str(tmp_path_factory.mktemp("two") / "state"), processes=2))


def test_two_processes_train_a_teacher_as_one_does(by_two, lesson, tmp_path):
    by_one = trained(lesson, {}, Run(3, CPU, f"{tmp_path}/state"))
    assert len(by_one[0]) == RECIPE["epochs"] and by_one[0][-1]["loss"] < by_one[0][0]["loss"]
    assert_alike(by_one, by_two, TOLERANCE)


def test_two_processes_of_uneven_shares_train_a_student_as_one_does(lesson, tmp_path):
    distilled = replace(lesson, knowledge=knowledge(views=2, replay=2))
    recipe = {
        "batch_size": 7,
        "micro_batch": 2,
        "optimizer": "adamw",
        "lr": 0.01,
        "ema": 0.9,
        "save_memory": True,
    }
    by_one, by_two = (
        trained(distilled, recipe, Run(3, CPU, f"{tmp_path}/{count}", processes=count)) for count in (1, 2)
    )
    assert_alike(by_one, by_two, TOLERANCE)


@pytest.mark.parametrize(
    ("clips", "world", "most", "sizes"),
    [
        (8, 1, 8, [[8]]),
        (8, 1, 3, [[3, 3, 2]]),
        (8, 2, 8, [[4], [4]]),
        (8, 3, 2, [[3], [3], [2]]),  # one clip more than 2, for the third process has no second part
        (7, 2, 2, [[2, 2], [2, 1]]),
        (2, 2, 1, [[1], [1]]),
    ],
)
def test_shares_are_all_clips_once_in_equally_many_parts(clips, world, most, sizes, monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: world)
    shares = []
    for rank in range(world):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shares.append(distributed.share(np.arange(clips), most))
    assert [[len(part) for part in parts] for parts in shares] == sizes
    assert np.concatenate([part for parts in shares for part in parts]).tolist() == list(range(clips))


class Slow:
    """A store that leaves time to interrupt a training."""

    def __init__(self, store):
        self.store, self.shape = store, store.shape

    def window(self, video_id, indices, out=None):
        time.sleep(0.1)
        return self.store.window(video_id, indices, out)


def exists_within(path, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not path.exists():
        time.sleep(0.01)
    return path.exists()


@pytest.fixture
def sigterm_at(monkeypatch):
    """Send SIGTERM to this process, once, when a file exists."""
    monkeypatch.setattr(interruption, "_requested", False)
    kept = {number: signal.getsignal(number) for number in interruption.SIGNALS}

    def arrange(path):
        interruption.watch()
        send = lambda: exists_within(path, 600) and os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731
        threading.Thread(target=send, daemon=True).start()

    yield arrange
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.slow
def test_stopped_by_sigterm_two_processes_resume_as_if_they_had_not_been(
    by_two, lesson, sigterm_at, monkeypatch, tmp_path
):
    slow, run = replace(lesson, store=Slow(lesson.store)), Run(3, CPU, f"{tmp_path}/state", processes=2)
    sigterm_at(tmp_path / "state")
    with pytest.raises(Interrupted, match="written after") as left:
        trained(slow, {}, run)
    assert left.value.code == interruption.EXIT_CODE
    monkeypatch.setattr(interruption, "_requested", False)
    state = read_state(run.state)
    assert 1 <= len(state["history"]) < RECIPE["epochs"] and len(state["processes"]) == 2
    first, second = (own["random"]["cpu"] for own in state["processes"])
    assert not torch.equal(first, second)  # they would draw the same dropout
    assert_alike(trained(lesson, {}, run), by_two, 0)


@pytest.mark.parametrize("rank", [0, 1])
def test_each_process_resumes_with_its_own_random_numbers(rank, lesson, monkeypatch, tmp_path):
    run = Run(7, CPU, f"{tmp_path}/state")
    trained(lesson, {}, run)
    state = read_state(run.state)
    randoms = [torch.Generator().manual_seed(number).get_state() for number in (0, 1)]
    state["processes"] = [{"random": {"cpu": random, "cuda": []}, "begun": None} for random in randoms]
    write_state(run.state, state)
    monkeypatch.setattr(distributed, "rank", lambda: rank)
    trained(lesson, {}, run)  # is finished
    assert torch.equal(torch.get_rng_state(), randoms[rank])


def test_one_process_can_finish_what_two_began(lesson, monkeypatch, tmp_path):
    run, looks = Run(7, CPU, f"{tmp_path}/broken"), iter(range(100))
    whole = trained(lesson, {}, Run(7, CPU, f"{tmp_path}/whole"))
    monkeypatch.setattr(interruption, "requested", lambda: next(looks) == 4)  # after an epoch and two steps
    with pytest.raises(Interrupted, match="1 epochs and 2 steps"):
        trained(lesson, {}, run)
    state = read_state(run.state)
    [own] = state["processes"]
    halves = [value / 2 for value in own["begun"]["measured"]]
    state["processes"] = [{**own, "begun": {**own["begun"], "measured": halves}}] * 2
    write_state(run.state, state)
    assert_alike(trained(lesson, {}, run), whole, 1e-6)


TRAINING = textwrap.dedent("""
    import sys
    from ukdlib.machine.devices import lease_gpus
    folder = sys.argv[1]
    lease_gpus("auto", 2, f"{folder}/locks")
    from tests.unit.learning.test_distributed import CPU, IDS, LESSON, RECIPE, Run, fit, network, open_shards, replace
    lesson = replace(LESSON, store=open_shards([sys.argv[2]]))
    recipe = {**RECIPE, "batch_norm": "frozen", "epochs": 10_000}
    fit(network(), lesson, recipe, Run(0, CPU, f"{folder}/state", processes=2))
""")


def processes_with(setting):
    """Processes of this machine with this line in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # ended, or of another user
            if setting.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found


def locked(folder):
    """The locks in a folder that are held."""
    held = []
    for path in (folder / "locks").iterdir():
        with open(path) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(path.name)
    return held


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_parent_leaves_no_process_and_no_lock(lesson, tmp_path):
    command = [sys.executable, "-c", TRAINING, str(tmp_path), lesson.store._paths[0]]
    setting = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    parent = subprocess.Popen(command, env={**os.environ, **setting}, stderr=subprocess.PIPE)
    try:
        assert exists_within(tmp_path / "state", 600), parent.communicate(timeout=1)
        assert len(processes_with(f"TMPDIR={tmp_path}")) == 4  # the parent, torchrun and its two
        assert sorted(locked(tmp_path)) == ["0.lock", "1.lock"]
    finally:
        parent.kill()
    end = time.monotonic() + 600
    while time.monotonic() < end and (left := processes_with(f"TMPDIR={tmp_path}") or locked(tmp_path)):
        time.sleep(0.02)
    assert not left


def test_a_failure_in_a_process_fails_the_training(lesson, tmp_path, capfd):
    with pytest.raises(RuntimeError, match="one of 2 processes failed, see above"):
        trained(lesson, {"lr": 1e30, "warmup_epochs": 0}, Run(0, CPU, f"{tmp_path}/state", processes=2))
    assert "in epoch 0; lr 1e+30 may be too high" in capfd.readouterr().err


def test_what_aborts_an_interpreter_that_ends_does_not_fail_what_is_done():
    """As gloo's threads may, which outlive their group: seen once in about a hundred trainings on a busy machine."""
    call_together(2, "cpu", atexit.register, (os.abort,))


def test_more_processes_than_clips_of_a_step_are_refused(lesson, tmp_path):
    with pytest.raises(ValueError, match=r"9 processes \(gpus\) cannot share the 8 clips of a step; take 8"):
        trained(lesson, {}, Run(0, CPU, f"{tmp_path}/state", processes=9))


def test_a_network_that_cannot_be_pickled_is_refused(lesson, tmp_path):
    made = network()
    made[2].forward = lambda values: values
    with pytest.raises(
        ValueError, match=r"2 processes: the call and its arguments cannot be pickled: .*lambda"
    ):
        fit(made, lesson, RECIPE, Run(0, CPU, f"{tmp_path}/state", processes=2))
