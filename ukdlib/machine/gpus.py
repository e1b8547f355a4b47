"""
Which GPUs this process may use, found without torch and without starting CUDA.

nvidia-smi is asked first. Where it is missing, in containers that only compute for example, the devices themselves
are counted. What is found in none of these ways can be listed in CUDA_VISIBLE_DEVICES.
"""

import os
import re
import subprocess
from itertools import takewhile
from pathlib import Path

from ukdlib.machine.packages import built_for_gpus

NO_GPU = "No devices were found"  # nvidia-smi's words
NO_DEVICE = ("", "-1", "NoDevFiles")  # values of CUDA_VISIBLE_DEVICES that mean "none"
VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")  # the second is AMD's, which honours the first, too
NVIDIA_SMI = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")  # the second in WSL, where PATH often lacks it
PATIENCE = 60  # seconds; without persistence mode each GPU takes some to wake up
LOOKED_AT = "CUDA_VISIBLE_DEVICES, nvidia-smi, /dev/nvidia*, /proc/driver/nvidia, /sys/class/kfd"
INSTEAD = "repair it, list the GPUs in CUDA_VISIBLE_DEVICES, or compute without: run.device: cpu"


def gpu_pool() -> list[str]:
    """
    Ids of the GPUs that this process may use: numbers, UUIDs or names of slices (MIG).

    From CUDA_VISIBLE_DEVICES, else found on the machine; a SLURM job without allocated GPUs has none. Raises
    RuntimeError if nvidia-smi exists and fails.
    """
    if (visible := stated()) is None:
        return _nvidia_smi() or _nvidia_devices() or _amd_devices()
    named = (gpu.strip() for gpu in visible.split(","))
    seen = takewhile(lambda gpu: gpu not in NO_DEVICE[1:], named)  # CUDA ignores what comes behind such a one
    return list(dict.fromkeys(gpu for gpu in seen if gpu))


def stated() -> str | None:
    """What somebody has decided about GPUs, as CUDA_VISIBLE_DEVICES; None: nobody has."""
    decided = (os.environ[name] for name in VISIBLE if name in os.environ)
    return next(decided, "" if "SLURM_JOB_ID" in os.environ else None)


def is_slice(gpu: str) -> bool:
    """Whether an id is of a slice of a GPU (MIG), of which CUDA uses one at a time."""
    return gpu.startswith("MIG-")


def _nvidia_smi() -> list[str]:
    """What `nvidia-smi -L` lists, [] where there is none."""
    for program in NVIDIA_SMI:
        try:
            listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=PATIENCE)
        except (FileNotFoundError, PermissionError):
            continue
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{program} has not answered for {PATIENCE} s; {INSTEAD}") from None
        said = (listed.stdout + listed.stderr).strip()
        if listed.returncode and NO_GPU not in said:
            raise RuntimeError(f"nvidia-smi cannot list the GPUs: {said!r}; {INSTEAD}")
        return listed_gpus(listed.stdout)
    return []


def listed_gpus(listing: str) -> list[str]:
    """
    Ids of the GPUs in the output of `nvidia-smi -L`, slices (MIG) instead of a GPU that is cut into some.

    Numbers, or UUIDs if there are slices: numbers then count differently in CUDA and nvidia-smi.
    """
    parts = [part for part in re.split(r"^(?=GPU )", listing, flags=re.M) if part.startswith("GPU ")]
    slices = [re.findall(r"^\s+MIG .*\(UUID: (MIG-[^)]+)\)", part, re.M) for part in parts]
    if not any(slices):
        return [re.findall(r"\d+", part)[0] for part in parts]
    uuids = [re.findall(r"\(UUID: (GPU-[^)]+)\)", part)[:1] for part in parts]
    return [gpu for whole, cut in zip(uuids, slices, strict=True) for gpu in cut or whole]


def _nvidia_devices(root: str = "/") -> list[str]:
    """
    The driver's devices, numbered from 0 as CUDA does, whatever their own numbers are.

    A container has only its own in /dev. On a host they appear when a GPU is first used; /proc always lists them.
    """
    devices = [path for path in Path(root, "dev").glob("nvidia*") if path.name[6:].isdigit()]
    devices = devices or list(Path(root, "proc/driver/nvidia/gpus").glob("*"))
    return [str(number) for number in range(len(devices))]


def _amd_devices(root: str = "/") -> list[str]:
    """
    GPUs among the nodes of ROCm's driver: those with SIMD units; the others are CPUs.

    None for a torch of another kind: many a computer has one inside its processor, which nothing here can use.
    """
    if not built_for_gpus("hip"):
        return []
    nodes = Path(root, "sys/class/kfd/kfd/topology/nodes").glob("*/properties")
    gpus = [path for path in nodes if re.search(r"^simd_count [1-9]", path.read_text(), re.M)]
    return [str(number) for number in range(len(gpus))]
