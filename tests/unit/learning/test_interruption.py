"""A training stopped at any step resumes from there and ends bit for bit like an uninterrupted one."""

import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.learning.test_training import CPU, LESSON, RECIPE, knowledge, tiny_network, without_seconds
from ukdlib.artifacts import sealing
from ukdlib.learning.resuming import read_state, write_state
from ukdlib.learning.training import Run, fit
from ukdlib.machine import interruption
from ukdlib.machine.interruption import Interrupted

STEPS = 3 * RECIPE["epochs"]  # 24 clips in batches of 8
EVERYTHING = {"ema": 0.9, "micro_batch": 4, "optimizer": "adamw", "lr": 0.01}


@pytest.fixture
def stopped_at(monkeypatch):
    """Request a stop at the n-th check of a training, once."""

    def arrange(number: int) -> None:
        looks = iter(range(1_000_000))
        monkeypatch.setattr(interruption, "requested", lambda: next(looks) == number)

    return arrange


@pytest.mark.parametrize("taught", [None, knowledge(views=2, replay=2)], ids=["teacher", "student"])
@pytest.mark.parametrize("settings", [{}, EVERYTHING], ids=["plain", "everything"])
def test_ten_random_interruptions_change_nothing(taught, settings, stopped_at, tmp_path):
    lesson, recipe = replace(LESSON, knowledge=taught), {**RECIPE, **settings}
    whole = tiny_network()
    expected = fit(whole, lesson, recipe, Run(7, CPU, f"{tmp_path}/whole"))
    for point in np.random.default_rng(0).choice(STEPS - 1, 10, replace=False):  # the last step ends it
        run = Run(7, CPU, f"{tmp_path}/{point}")
        stopped_at(int(point))
        with pytest.raises(Interrupted) as left:
            fit(tiny_network(), lesson, recipe, run)
        assert left.value.code == interruption.EXIT_CODE and "written after" in str(left.value)
        stopped_at(-1)
        torch.rand(3)  # another process has other random numbers
        resumed = tiny_network()
        history = fit(resumed, lesson, recipe, run)
        assert without_seconds(history) == without_seconds(expected)
        for name, value in whole.state_dict().items():
            assert torch.equal(resumed.state_dict()[name], value), (point, name)


def test_a_training_that_is_stopped_at_every_step_ends_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(interruption, "requested", lambda: True)
    lesson, run = replace(LESSON, knowledge=knowledge()), Run(7, CPU, f"{tmp_path}/state")
    stops = 0
    while stops < 2 * STEPS:
        network = tiny_network()
        try:
            fit(network, lesson, RECIPE, run)
            break
        except Interrupted:
            stops += 1
    assert stops == STEPS - 1
    monkeypatch.setattr(interruption, "requested", lambda: False)
    whole = tiny_network()
    fit(whole, lesson, RECIPE, Run(7, CPU, f"{tmp_path}/whole"))
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in whole.state_dict().items())


def test_a_damaged_state_counts_as_no_state(stopped_at, tmp_path, capsys):
    run = Run(7, CPU, f"{tmp_path}/state")
    stopped_at(4)
    with pytest.raises(Interrupted):
        fit(tiny_network(), LESSON, RECIPE, run)
    stopped_at(-1)
    content = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(content[: len(content) // 2])
    assert len(fit(tiny_network(), LESSON, RECIPE, run)) == RECIPE["epochs"]
    assert "damaged, not resumed" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(200))
def test_a_state_with_a_changed_bit_is_not_read(seed, stored):
    content = bytearray(stored.read_bytes())
    rng = np.random.default_rng(seed)
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    changed = stored.with_name("changed")
    changed.write_bytes(content)
    with pytest.raises(ValueError, match="is not what was written"):
        read_state(str(changed))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "state"
    write_state(str(path), {"key": "k", "weights": torch.arange(50.0), "history": [{"loss": 0.5}]})
    return path


def test_a_full_disk_keeps_the_previous_state(tmp_path, monkeypatch):
    path = str(tmp_path / "state")
    write_state(path, {"epoch": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sealing, "put_in_place", full)
    with pytest.raises(OSError, match="No space left"):
        write_state(path, {"epoch": 2})
    assert read_state(path) == {"epoch": 1} and len(list(tmp_path.iterdir())) == 1


TRAINING = textwrap.dedent("""
    import sys, time
    from tests.unit.learning.test_training import CPU, LESSON, RECIPE, tiny_network
    from ukdlib.learning import training
    from ukdlib.machine import interruption
    from ukdlib.learning.training import Run, fit
    interruption.watch()
    lesson_loss = training.lesson_loss
    training.lesson_loss = lambda *arguments: (time.sleep(0.05), lesson_loss(*arguments))[1]
    print("ready", flush=True)
    recipe = {**RECIPE, "epochs": 200, "workers": int(sys.argv[2]), "batch_size": 2}
    fit(tiny_network(), LESSON, recipe, Run(7, CPU, sys.argv[1]))
""")


@pytest.mark.parametrize(("number", "workers"), [*zip(interruption.SIGNALS, (0, 2), strict=True)])
def test_signals_end_the_process_with_its_state_written(number, workers, tmp_path):
    """The signal goes to all processes, as SLURM sends it: the loaders among them must not die before their parent."""
    state = str(tmp_path / "state")
    command, pipe = [sys.executable, "-c", TRAINING, state, str(workers)], subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        assert process.stdout.readline() == "ready\n"
        while not os.path.exists(state) and process.poll() is None:  # the first epoch is over
            time.sleep(0.05)
        time.sleep(0.3)  # within the second
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == interruption.EXIT_CODE and signal.Signals(number).name in said
    assert os.path.exists(state) and "stopping after this step" in said
    assert re.search(r"state: written after \d+ epochs( and \d+ steps)?", said)
