"""Jobs of one host and its (imaginary) GPUs, under Snakemake: none is used twice, none is idle, none is overlooked."""

import functools
import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm_jobstep import get_cpu_setting

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


TRAININGS = ("train_teacher", "train_fold", "distill_student")
ON_SHARES = (*TRAININGS, "export_logits", "export_fold")
# after the real rules: jobs that ask for what those do, and wait until as many are running as there are to be
SIDE_BY_SIDE = """
rule twenty:
    input: expand("done/{number}", number=range(20))

rule side_by_side:
    output: "done/{number}"
    threads: THREADS
    resources: gpu=GPU, together=TOGETHER
    shell: "{PYTHON} train.py AT_ONCE {resources.together} > {output}"
"""
TRAIN = """
import os, sys, time
from pathlib import Path
from ukdlib.machine.devices import lease_gpus

at_once, together = map(int, sys.argv[1:])
def first_to_make(path):
    try:
        path.touch(exist_ok=False)
        return True
    except FileExistsError:
        return False

begun, leased, ended = folders = Path("begun"), Path("leased"), Path("ended")
for folder in folders:
    folder.mkdir(exist_ok=True)
me = str(os.getpid())
(begun / me).touch()
running = len(list(begun.iterdir())) - len(list(ended.iterdir()))
gpus = lease_gpus("auto", 1, "locks", timeout=250, together=together)
mine = next(number for number in range(1, 21) if first_to_make(leased / str(number)))
while len(list(leased.iterdir())) < min(20, -(-mine // at_once) * at_once):  # the others of its round
    time.sleep(0.02)
(ended / me).touch()
print(*gpus, running)
"""


def planned(workflow, overlay, *arguments):
    """(rule, what a job asks for) of each job of a dry run that computes with a network."""
    (workflow.folder / "machine.yaml").write_text(overlay)
    arguments = ("--dry-run", "--configfile", "machine.yaml", *arguments)
    jobs = re.split(r"\n(?:local)?rule ", workflow.run(*arguments))
    wanted = {}
    for job in jobs:
        if "gpu=" in job:
            threads = re.search(r"threads: (\d+)", job)
            asked = {
                key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", job.split("resources: ")[1])
            }
            wanted[job.split(":")[0]] = {**asked, "threads": int(threads[1]) if threads else 1}
    return wanted


@pytest.fixture
def four_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")


@pytest.mark.parametrize(("together", "limit"), [(1, ["--resources", "gpu=4"]), (2, [])])
def test_four_gpus_train_side_by_side_whatever_reads_for_them(
    workflow, four_gpus, monkeypatch, together, limit
):
    """Eight cores, six readers for each of twenty trainings: as many as the GPUs have room for run at a time."""
    overlay = f"run: {{together: {together}}}\nrecipes: {{train: {{workers: 6}}}}\n"
    training = planned(workflow, overlay, "--cores", "8", *limit)["train_teacher"]
    assert training["threads"] == 1 and training["workers"] == 6
    values = {
        "THREADS": training["threads"], "GPU": training["gpu"], "TOGETHER": training["together"],
        "AT_ONCE": 4 * together, "{PYTHON}": sys.executable,
    }  # fmt: skip
    rules = functools.reduce(lambda text, name: text.replace(name, str(values[name])), values, SIDE_BY_SIDE)
    with open(workflow.folder / "Snakefile", "a") as file:
        file.write(rules)
    (workflow.folder / "train.py").write_text(TRAIN)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    output = workflow.run("twenty", "--configfile", "machine.yaml", "--cores", "8", *limit)
    assert f"GPUs: 4 of 4, jobs at a time on each: {together}" in output
    done = [path.read_text().split() for path in (workflow.folder / "done").iterdir()]
    assert len(done) == 20 and all(
        int(running) <= 4 * together for _, running in done
    )  # none waits for a GPU
    assert all(count >= 4 for count in Counter(gpu for gpu, _ in done).values())


def test_fewer_gpus_may_be_used_but_not_more_than_there_are(workflow, four_gpus):
    for limit, said in (
        ("gpu=3", "GPUs: 3 of 4, jobs at a time on each: 1"),
        ("gpu=9", "--resources gpu=9, but this machine has 4; more jobs would only wait"),
    ):
        assert said in workflow.run("--dry-run", "--cores", "8", "--resources", limit)


FLOW = "modalities: {flow: {backend: torch}}\n"


def test_gpus_of_a_recipe_are_requested_by_its_trainings_alone(workflow, four_gpus):
    overlay = FLOW + "recipes: {train: {gpus: 3, workers: 1}}\n"
    jobs = planned(workflow, overlay, "--cores", "8")
    assert set(jobs) > {"train_teacher", "distill_student", "export_logits", "measure_cost"}
    for rule, asked in jobs.items():
        training = rule in TRAININGS
        assert asked["gpu"] == (3 if training else 1) and asked["threads"] == (3 if training else 1)
        if rule != "compute_flow":
            assert (asked.get("processes"), asked["mem_mb"]) == ((3, 48000) if training else (None, 16000))


def test_who_shares_a_gpu_asks_for_a_share_and_others_for_all(workflow, four_gpus):
    """Measurements of speed are alone on their GPU, and so is a training on several."""
    alone = planned(workflow, FLOW + "run: {together: 4}\n")
    assert {rule: asked["gpu"] for rule, asked in alone.items()} == {
        rule: 1 if rule in ON_SHARES else 4 for rule in alone
    }
    assert planned(workflow, "run: {together: 4}\nrecipes: {train: {gpus: 2}}\n")["train_teacher"]["gpu"] == 8


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_without_gpus_readers_count_as_cores(workflow, monkeypatch, device):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    jobs = planned(
        workflow, f"run: {{device: {device}}}\nrecipes: {{train: {{workers: 3}}}}\n", "--cores", "8"
    )
    assert {asked["gpu"] for asked in jobs.values()} == {0}
    assert jobs["train_teacher"]["threads"] == jobs["export_logits"]["threads"] == 4


def test_gpus_that_are_not_there_are_refused(workflow, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = workflow.snakemake("--dry-run", "--resources", "gpu=4")
    assert (
        done.returncode != 0 and "--resources gpu=4, but no GPU was found here" in done.stdout + done.stderr
    )


def test_an_nvidia_smi_that_fails_stops_the_run_at_its_start(workflow, monkeypatch, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho Unknown Error\nexit 1\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    done = workflow.snakemake("--dry-run")
    assert (
        done.returncode != 0
        and "nvidia-smi cannot list the GPUs: 'Unknown Error'" in done.stdout + done.stderr
    )


def test_a_cluster_is_asked_for_the_readers_cores(workflow, monkeypatch):
    """Whatever is here: a job there has its own GPU, and no more cores than it asks for."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    overlay = "run: {together: 4}\nrecipes: {train: {workers: 6, gpus: 2}}\n"
    jobs = planned(workflow, overlay, "--workflow-profile", "profiles/slurm")
    for rule, gpus, cores in (("train_teacher", 2, 14), ("export_logits", 1, 7), ("measure_cost", 1, 1)):
        assert jobs[rule]["gpu"] == gpus and jobs[rule].get("together", 1) == 1
        job = SimpleNamespace(threads=jobs[rule]["threads"], resources=Resources(jobs[rule]))
        assert get_cpu_setting(job, gpu=True) == f"--cpus-per-task={cores}"


class Resources(dict):
    """As Snakemake's, by attribute, too."""

    __getattr__ = dict.get
