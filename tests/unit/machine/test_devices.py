"""Devices by name, and GPU leases that never overlap (on imaginary GPUs)."""

import itertools
import os
import subprocess
import sys
import textwrap
import time

import pytest
import torch

from ukdlib.machine.devices import choose_device, gpu_pool, lease_gpus

LEASE = textwrap.dedent("""
    import os, sys, time
    from ukdlib.machine.devices import lease_gpus
    folder, seconds, count, helpers = sys.argv[1:]
    gpus = lease_gpus("cuda", int(count), folder, timeout=600)
    began = time.monotonic()
    if int(helpers) and os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    print(",".join(gpus), flush=True)
    time.sleep(float(seconds))
    print(began, time.monotonic())  # of one clock, whatever the process
""")


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch, tmp_path):
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi


def start(folder, seconds, pool, count=1, helpers=0):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": pool}
    command = [sys.executable, "-c", LEASE, str(folder), str(seconds), str(count), str(helpers)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def test_a_machine_without_gpus_computes_on_the_cpu():
    assert lease_gpus("auto") == [] == lease_gpus("auto", 2) and os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_cpu_hides_the_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert lease_gpus("cpu", 1, str(tmp_path)) == [] and os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_what_is_leased_of_the_pool_is_all_that_is_visible(monkeypatch, tmp_path):
    for count, leased in ((1, ["GPU-a"]), (2, ["MIG-b", "2"]), (1, ["3"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, MIG-b,2,3")
        assert lease_gpus("auto", count, str(tmp_path)) == leased
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(leased)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(ValueError, match="3 GPUs were requested, but there are only 2: 0, 1"):
        lease_gpus("auto", 3, str(tmp_path))


def test_a_slurm_job_divides_up_its_own_allocation(monkeypatch, tmp_path):
    """Its own devices, whatever other jobs have leased, and none if none were allocated."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert lease_gpus("auto") == ["0"]
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    for leased in ("0", "3"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
        assert lease_gpus("auto") == [leased]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert lease_gpus("auto") == [] == gpu_pool()


def test_waiting_ends_and_leaves_nothing_locked(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    lease_gpus("auto", 1, str(tmp_path))
    for count, words in ((1, "no GPU"), (2, "no 2 GPUs")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1"[: 2 * count - 1])
        with pytest.raises(TimeoutError, match=rf"{words} of \[.*\] became free within 0.1 s"):
            lease_gpus("auto", count, str(tmp_path), timeout=0.1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert lease_gpus("auto", 1, str(tmp_path), timeout=0.1) == ["1"]


def test_twenty_jobs_of_one_gpu_and_two_of_two_share_four(tmp_path):
    jobs = [start(tmp_path, 0.05, "0,1,2,3", 2 if n in (3, 11) else 1) for n in range(22)]
    leases = [job.communicate(timeout=900)[0].splitlines() for job in jobs]
    assert sorted(len(gpus.split(",")) for gpus, _ in leases) == [1] * 20 + [2] * 2
    for gpu in "0123":
        times = sorted([float(t) for t in span.split()] for gpus, span in leases if gpu in gpus.split(","))
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))


def test_a_killed_job_frees_its_gpus_at_once(monkeypatch, tmp_path):
    holder = start(tmp_path, 60, "0,1", 2)
    assert holder.stdout.readline() == "0,1\n"
    holder.kill()
    holder.communicate()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert lease_gpus("auto", 2, str(tmp_path), timeout=0) == ["0", "1"]


def test_a_forked_process_that_outlives_its_parent_holds_no_gpu(monkeypatch, tmp_path):
    """As a loader's process does when a training is killed."""
    holder = start(tmp_path, 60, "0", helpers=1)
    assert holder.stdout.readline() == "0\n"
    time.sleep(0.2)
    holder.kill()
    holder.wait()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert lease_gpus("auto", 1, str(tmp_path), timeout=0) == ["0"]


@pytest.mark.parametrize(
    ("visible", "pool"), [("", []), ("-1", []), ("NoDevFiles", []), ("1, MIG-x", ["1", "MIG-x"])]
)
def test_the_pool_is_what_is_visible(monkeypatch, visible, pool):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_pool() == pool


@pytest.mark.parametrize(
    ("words", "code"),
    [("Failed to initialize NVML: Driver/library version mismatch", 18), ("Unknown Error", 1)],
)
def test_a_failing_nvidia_smi_does_not_mean_no_gpus(words, code, tmp_path):
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{words}'\nexit {code}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    with pytest.raises(RuntimeError, match=f"nvidia-smi cannot list the GPUs: '{words}'"):
        gpu_pool()
    assert lease_gpus("cpu") == []


def test_an_nvidia_smi_that_finds_nothing_means_no_gpus(tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho No devices were found\nexit 6\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert gpu_pool() == []


def test_a_gpu_that_is_named_twice_is_one(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,0,1")
    assert gpu_pool() == ["0", "1"]


def test_the_pool_is_what_nvidia_smi_lists(monkeypatch, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 0\necho 1\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert gpu_pool() == ["0", "1"]


def test_a_lease_does_not_import_torch():
    code = "import sys, ukdlib.machine.devices as d; d.lease_gpus('auto'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_devices_by_name(monkeypatch):
    assert choose_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="cuda was requested, but torch finds no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    with pytest.raises(ValueError, match=r"unknown device 'gpu'; known: \['auto', 'cpu', 'cuda'\]"):
        choose_device("gpu")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_locks_that_another_user_prepared_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    folder = tmp_path / "ukd-gpu-locks-0"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    for place in (folder, folder / "local"):
        with pytest.raises(
            RuntimeError, match=r"ukd-gpu-locks-0, the folder of locks on GPUs, is a link or belongs"
        ):
            lease_gpus("auto", lock_folder=str(place))


def test_links_among_the_locks_are_not_followed(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(RuntimeError, match="is a link"):
        lease_gpus("auto", lock_folder=str(tmp_path / "link"))
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/0.lock").symlink_to(tmp_path / "target")
    with pytest.raises(OSError):
        lease_gpus("auto", lock_folder=str(tmp_path / "locks"))
    assert not (tmp_path / "target").exists()
