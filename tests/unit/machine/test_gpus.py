"""Which GPUs there are, by imitations of what machines and containers show."""

import pytest

from ukdlib.machine import gpus
from ukdlib.machine.gpus import gpu_pool, listed_gpus

WHOLE = "GPU 0: NVIDIA H200 (UUID: GPU-5d5b)\nGPU 1: NVIDIA H200 (UUID: GPU-77aa)\n"
CUT = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5b)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7c3)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-5d5b/7/0)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-77aa)
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """A machine that shows no GPU, whatever this one has."""
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpus, "NVIDIA_SMI", (str(tmp_path / "nvidia-smi"), str(tmp_path / "wsl/nvidia-smi")))
    monkeypatch.setattr(gpus._nvidia_devices, "__defaults__", (str(tmp_path),))
    monkeypatch.setattr(gpus._amd_devices, "__defaults__", (str(tmp_path),))


def make(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def nvidia_smi(path, says, code=0):
    make(path, f'#!/bin/sh\n[ "$1" = -L ] && cat <<END\n{says}\nEND\nexit {code}\n')


@pytest.mark.parametrize(
    ("visible", "pool"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1, MIG-x", ["1", "MIG-x"]),
        ("0,0,1", ["0", "1"]),
        ("0,-1,1", ["0"]),
    ],
)
def test_the_pool_is_what_is_visible_whatever_there_is(monkeypatch, tmp_path, visible, pool):
    nvidia_smi(tmp_path / "nvidia-smi", WHOLE)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_pool() == pool


@pytest.mark.parametrize("place", ["nvidia-smi", "wsl/nvidia-smi"])
def test_the_pool_is_what_nvidia_smi_lists(tmp_path, place):
    nvidia_smi(tmp_path / place, WHOLE)
    make(tmp_path / "dev/nvidia7")  # not counted
    assert gpu_pool() == ["0", "1"]


def test_each_slice_of_a_gpu_is_a_gpu(tmp_path):
    """By its own name, and whole GPUs by theirs: CUDA numbers the ones and the others otherwise."""
    nvidia_smi(tmp_path / "nvidia-smi", CUT)
    assert gpu_pool() == ["MIG-c7c3", "MIG-GPU-5d5b/7/0", "GPU-77aa"]


def test_tens_of_gpus_are_listed_by_number():
    assert listed_gpus("".join(f"GPU {n}: A 100 (UUID: GPU-{n})\n" for n in range(16))) == [
        str(n) for n in range(16)
    ]


def test_without_nvidia_smi_the_devices_are_counted(tmp_path):
    """A container with one GPU, the host's fourth: for CUDA it is number 0."""
    assert gpu_pool() == []
    for name in ("nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-modeset"):
        make(tmp_path / "dev" / name)
    assert gpu_pool() == ["0"]


def test_before_the_first_use_of_a_gpu_only_the_driver_knows_it(tmp_path):
    for name in ("0000:01:00.0", "0000:41:00.0"):
        make(tmp_path / "proc/driver/nvidia/gpus" / name / "information")
    assert gpu_pool() == ["0", "1"]


@pytest.mark.parametrize(("built", "pool"), [("hip", ["0", "1"]), ("cuda", [])])
def test_amds_gpus_are_nodes_with_simd_units_and_want_a_torch_for_them(monkeypatch, tmp_path, built, pool):
    """Else a processor with graphics would stop every run with NVIDIA's torch, which pip installs."""
    monkeypatch.setattr(gpus, "built_for_gpus", lambda kind: kind == built)
    for node, units in enumerate([0, 440, 440]):
        make(
            tmp_path / f"sys/class/kfd/kfd/topology/nodes/{node}/properties",
            f"cpu_cores_count 8\nsimd_count {units}\n",
        )
    assert gpu_pool() == pool


@pytest.mark.parametrize(
    ("words", "code"),
    [("Failed to initialize NVML: Driver/library version mismatch", 18), ("Unknown Error", 1)],
)
def test_a_failing_nvidia_smi_does_not_mean_no_gpus(words, code, tmp_path):
    nvidia_smi(tmp_path / "nvidia-smi", words, code)
    with pytest.raises(
        RuntimeError, match=f"nvidia-smi cannot list the GPUs: '{words}'; repair it, list the GPUs"
    ):
        gpu_pool()


def test_an_nvidia_smi_that_does_not_answer_is_an_error(monkeypatch, tmp_path):
    make(tmp_path / "nvidia-smi", "#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(gpus, "PATIENCE", 0.2)
    with pytest.raises(RuntimeError, match=r"nvidia-smi has not answered for 0\.2 s; repair it, list"):
        gpu_pool()


def test_an_nvidia_smi_that_finds_nothing_means_no_gpus(tmp_path):
    nvidia_smi(tmp_path / "nvidia-smi", "No devices were found", 6)
    assert gpu_pool() == []


def test_a_slurm_job_without_gpus_has_none_whatever_the_node_has(monkeypatch, tmp_path):
    nvidia_smi(tmp_path / "nvidia-smi", WHOLE)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert gpu_pool() == []
