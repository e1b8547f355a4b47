"""Devices by name, and GPU leases that never overlap (on imaginary GPUs)."""

import itertools
import os
import subprocess
import sys
import textwrap
import time

import pytest
import torch

from ukdlib.machine import devices, gpus
from ukdlib.machine.devices import choose_device, lease_device, lease_gpus
from ukdlib.machine.gpus import gpu_pool

LEASE = textwrap.dedent("""
    import os, sys, time
    from ukdlib.machine.devices import lease_gpus
    folder, seconds, count, helpers, together = sys.argv[1:]
    gpus = lease_gpus("cuda", int(count), folder, timeout=600, together=int(together))
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
    monkeypatch.setattr(gpus, "_nvidia_devices", lambda: [])  # nor any GPU of this machine
    monkeypatch.setattr(gpus, "_amd_devices", lambda: [])
    yield
    devices._let_go()
    devices._sought_in_vain.clear()


WHOLE = "GPU 0: NVIDIA H200 (UUID: GPU-5d5b)\nGPU 1: NVIDIA H200 (UUID: GPU-77aa)\n"


def nvidia_smi(folder, says, code=0):
    """A program of that name, which prints something."""
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    (folder / "nvidia-smi").chmod(0o755)


def start(folder, seconds, pool, count=1, helpers=0, together=1):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": pool}
    command = [sys.executable, "-c", LEASE, *map(str, (folder, seconds, count, helpers, together))]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def test_a_machine_without_gpus_computes_on_the_cpu(capsys):
    assert lease_gpus("auto") == [] == lease_gpus("auto", 2)
    assert capsys.readouterr().err == "no GPU here: computing on the CPU\n" * 2
    assert choose_device("auto") == torch.device("cpu")


def test_a_gpu_that_only_torch_finds_is_not_used_without_a_lease(monkeypatch):
    """Nor is it left idle: neither would be noticed."""
    lease_gpus("auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for device in ("auto", "cuda"):
        with pytest.raises(
            RuntimeError, match=r"no lease could be taken on it: none was found in .*nvidia-smi"
        ):
            choose_device(device)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # somebody has decided
    devices._sought_in_vain.clear()
    lease_gpus("auto")
    assert choose_device("auto") == torch.device("cuda")  # of a torch that would see one all the same


def test_a_leased_gpu_that_torch_cannot_use_is_not_left_idle(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lease_gpus("auto", lock_folder=str(tmp_path))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(
        RuntimeError, match="GPU GPU-a was leased, but torch cannot use it: perhaps the driver"
    ):
        choose_device("auto")
    monkeypatch.setattr(
        torch.version, "cuda", None
    )  # a torch without CUDA was chosen by whoever installed it
    assert choose_device("auto") == torch.device("cpu")
    assert "no use of GPU GPU-a: torch is built for CPUs only" in capsys.readouterr().err
    assert lease_gpus("auto", lock_folder=str(tmp_path), timeout=0) == ["GPU-a"]  # others may have it


def test_cpu_hides_the_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert lease_gpus("cpu", 1, str(tmp_path)) == [] and os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_what_is_leased_of_the_pool_is_all_that_is_visible(monkeypatch, tmp_path):
    for count, leased in ((1, ["GPU-a"]), (2, ["2", "3"]), (1, ["MIG-b"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, MIG-b,2,3")
        assert lease_gpus("auto", count, str(tmp_path)) == leased
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(leased)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(ValueError, match="3 GPUs were requested, but there are only 2: 0, 1"):
        lease_gpus("auto", 3, str(tmp_path))


def test_a_slurm_job_divides_up_its_own_allocation(monkeypatch, tmp_path):
    """Its own devices, whatever other jobs have leased, and none if none were allocated."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    nvidia_smi(tmp_path, WHOLE.splitlines()[0])
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


def spans(leases, gpu):
    """(began, ended) of the leases on a GPU, in order."""
    return sorted([float(t) for t in span.split()] for gpus, span in leases if gpu in gpus.split(","))


def test_jobs_that_may_share_a_gpu_do_and_others_have_it_for_themselves(tmp_path):
    """Three at a time on each of two GPUs; a job of two GPUs and one that does not share are alone on theirs."""
    alone = [start(tmp_path, 0.1, "0,1", count) for count in (1, 2, 1)]
    shared = [start(tmp_path, 0.1, "0,1", together=3) for _ in range(16)]
    leases = [[job.communicate(timeout=900)[0].splitlines() for job in jobs] for jobs in (alone, shared)]
    for gpu in "01":
        singles, shares = (spans(some, gpu) for some in leases)
        for began, _ in shares:
            assert sum(first <= began < last for first, last in shares) <= 3
        for began, ended in singles:
            assert all(last <= began or ended <= first for first, last in shares)


def test_the_gpu_with_most_free_shares_is_taken_first(monkeypatch, tmp_path):
    taken = []
    for _ in range(6):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
        taken += lease_gpus("auto", 1, str(tmp_path), timeout=0, together=2)
    assert taken == ["0", "1", "2"] * 2
    for together in (1, 2):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
        with pytest.raises(TimeoutError):
            lease_gpus("auto", 1, str(tmp_path), timeout=0, together=together)


def test_twenty_jobs_of_one_gpu_and_two_of_two_share_four(tmp_path):
    jobs = [start(tmp_path, 0.05, "0,1,2,3", 2 if n in (3, 11) else 1) for n in range(22)]
    leases = [job.communicate(timeout=900)[0].splitlines() for job in jobs]
    assert sorted(len(gpus.split(",")) for gpus, _ in leases) == [1] * 20 + [2] * 2
    for gpu in "0123":
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans(leases, gpu)))


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


def test_a_lease_does_not_import_torch():
    code = "import sys, ukdlib.machine.devices as d; d.lease_gpus('auto'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_device_for_processes_that_are_yet_to_start(monkeypatch, tmp_path):
    """Without torch; what cannot be had is not exchanged for a CPU here."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert [lease_device(name) for name in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda"]
    for built, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        monkeypatch.setattr(devices, "built_for_gpus", lambda built=built: built)
        assert lease_device("auto") == device


def test_slices_of_a_gpu_cannot_share_a_training(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b")
    with pytest.raises(
        ValueError, match=r"2 GPUs were requested, but there are only 0; slices \(MIG\) do not count"
    ):
        lease_gpus("auto", 2, str(tmp_path))
    assert lease_gpus("auto", 1, str(tmp_path)) == ["MIG-a"]


def test_amds_variable_is_kept_in_step(monkeypatch, tmp_path):
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "2,3")
    assert lease_gpus("auto", 1, str(tmp_path)) == ["2"]
    assert os.environ["HIP_VISIBLE_DEVICES"] == os.environ["CUDA_VISIBLE_DEVICES"] == "2"


@pytest.mark.parametrize("found", [True, False], ids=["on a GPU", "on a CPU"])
def test_a_device_leaves_the_other_threads_to_other_jobs(monkeypatch, found):
    """And on a GPU float32 is no TF32."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        choose_device("auto")
        assert torch.get_num_threads() == 1
        assert torch.backends.cudnn.allow_tf32 != found and not torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = True


def test_devices_by_name(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)  # put back afterwards
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
