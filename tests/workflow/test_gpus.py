"""Jobs of one host and its (imaginary) GPUs, under Snakemake: with its limit and without it none is used twice."""

import itertools
import os
import subprocess
import sys

import pytest

from tests.workflow.conftest import ROOT

SNAKEFILE = """
rule all:
    input: expand("job{number}.txt", number=range(22))

rule lease:
    output: "job{number}.txt"
    resources: gpu=lambda wildcards: 2 if wildcards.number in ("5", "14") else 1
    shell: "{PYTHON} lease.py {resources.gpu} > {output}"
"""
LEASE = """
import sys, time
from ukdlib.machine.devices import lease_gpus
gpus = lease_gpus("auto", int(sys.argv[1]), "locks", timeout=600)
began = time.monotonic()
time.sleep(0.05)
print(*gpus, began, time.monotonic())
"""


@pytest.mark.parametrize("limit", [[], ["--resources", "gpu=4"]], ids=["without limit", "with limit"])
def test_no_gpu_is_used_twice_at_a_time(limit, tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("{PYTHON}", sys.executable))
    (tmp_path / "lease.py").write_text(LEASE)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1,2,3", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "snakemake", "--cores", "22", "--nolock", *limit]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=900, env=environment, capture_output=True)
    leases = [path.read_text().split() for path in tmp_path.glob("job*.txt")]
    assert sorted(len(lease) - 2 for lease in leases) == [1] * 20 + [2] * 2
    for gpu in "0123":
        times = sorted((float(began), float(ended)) for *gpus, began, ended in leases if gpu in gpus)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))
