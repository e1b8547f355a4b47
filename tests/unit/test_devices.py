"""Devices by name, and GPU leases that never overlap (on imaginary GPUs)."""

import itertools
import os
import subprocess
import sys
import textwrap
import time

import pytest
import torch

from ukdlib.devices import choose_device, gpu_pool, lease_gpu

LEASE = textwrap.dedent("""
    import sys, time
    from ukdlib.devices import lease_gpu
    gpu = lease_gpu("cuda", sys.argv[1], timeout=60)
    began = time.time()
    time.sleep(float(sys.argv[2]))
    print(gpu, began, time.time(), flush=True)
""")


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch, tmp_path):
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi


def start(folder, seconds, pool):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": pool}
    command = [sys.executable, "-c", LEASE, str(folder), str(seconds)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def test_a_machine_without_gpus_computes_on_the_cpu():
    assert lease_gpu("auto") == "" and os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_cpu_hides_the_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert lease_gpu("cpu", str(tmp_path)) == "" and os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_one_of_the_pool_is_leased(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b")
    assert lease_gpu("auto", str(tmp_path)) == "GPU-a" == os.environ["CUDA_VISIBLE_DEVICES"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b")
    assert lease_gpu("auto", str(tmp_path)) == "GPU-b"


def test_the_gpu_that_slurm_gave_needs_no_lock(monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert [lease_gpu("auto", str(tmp_path)) for _ in range(2)] == ["3", "3"] and not os.listdir(tmp_path)


def test_waiting_ends(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    lease_gpu("auto", str(tmp_path))
    with pytest.raises(TimeoutError, match=r"no GPU of \['0'\] became free within 0.1 s"):
        lease_gpu("auto", str(tmp_path), timeout=0.1)


def test_leases_of_one_gpu_do_not_overlap(tmp_path):
    jobs = [start(tmp_path, 0.2, "0,1") for _ in range(5)]
    lines = [job.communicate(timeout=60)[0].split() for job in jobs]
    for gpu in "01":
        times = sorted((float(began), float(ended)) for name, began, ended in lines if name == gpu)
        assert times and all(first[1] <= second[0] for first, second in itertools.pairwise(times))


def test_a_killed_job_frees_its_gpu(monkeypatch, tmp_path):
    holder = start(tmp_path, 60, "0")
    while not (tmp_path / "0.lock").exists():
        time.sleep(0.05)
    time.sleep(0.1)
    holder.kill()
    holder.communicate()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert lease_gpu("auto", str(tmp_path), timeout=5) == "0"


@pytest.mark.parametrize(
    ("visible", "pool"), [("", []), ("-1", []), ("NoDevFiles", []), ("1, MIG-x", ["1", "MIG-x"])]
)
def test_the_pool_is_what_is_visible(monkeypatch, visible, pool):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_pool() == pool


def test_the_pool_is_what_nvidia_smi_lists(monkeypatch, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 0\necho 1\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert gpu_pool() == ["0", "1"]


def test_a_lease_does_not_import_torch():
    code = "import sys, ukdlib.devices as d; d.lease_gpu('auto'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_devices_by_name(monkeypatch):
    assert choose_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="cuda was asked for, but torch sees no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    with pytest.raises(ValueError, match=r"unknown device 'gpu'; known: \['auto', 'cpu', 'cuda'\]"):
        choose_device("gpu")
