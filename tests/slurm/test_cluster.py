"""The workflow through the shipped profile on a real SLURM, disturbed: its table is that of a run in peace on one machine."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.slurm.cluster import Job, wait_until
from tests.slurm.conftest import GPUS, change_profile
from tests.workflow.conftest import TINY, Workflow

pytestmark = pytest.mark.slow

TABLE = "results/darkroom/tables/small.csv"
SMALL = ["--configfile", TINY, str(Path(__file__).with_name("small.yaml"))]
PROFILE = ["--workflow-profile", "profiles/slurm"]
ON_GPUS = {"train_teacher": 1, "train_fold": 4, "export_logits": 2, "export_fold": 4, "distill_student": 1}
ON_CPUS = dict.fromkeys(
    ["render_darkroom", "inspect_videos", "decode_videos", "correct_frames", "compute_flow"], 1
)
LIMIT = 400  # seconds for one run
# What a job does that needs more memory than it asked for.
HUNGRY = "if snakemake.resources.mem_mb < 4000: raise MemoryError\n\n"


class Disturbed(Workflow):
    """A run on the cluster; the first rendering gets too little memory, and the first training is cancelled by somebody."""

    def jobs(self, rule: str | None = None) -> list[Job]:
        return [job for job in self.cluster.jobs(self.folder) if rule in (None, job.rule)]

    def run_on(self, cluster) -> None:
        self.cluster, log = cluster, self.folder / "run.log"
        change_profile(self)
        self.edit("workflow_scripts/render_darkroom.py", "from ukdlib", f"{HUNGRY}from ukdlib")
        command = [sys.executable, "-m", "snakemake", "--nocolor", *PROFILE, TABLE, *SMALL]
        with open(log, "w") as said:
            process = subprocess.Popen(command, cwd=self.folder, stdout=said, stderr=said)
        try:
            wait_until(lambda: self._cancelled() or process.poll() is not None, LIMIT, "a training runs")
            assert process.wait(timeout=LIMIT) == 0, log.read_text()[-5000:]
        finally:
            process.kill()

    def _cancelled(self) -> bool:
        running = [job.number for job in self.jobs("train_teacher") if job.state == "RUNNING"]
        return bool(running) and subprocess.run(["scancel", *running], timeout=30).returncode == 0


@pytest.fixture(scope="module")
def disturbed(cluster, tmp_path_factory) -> Disturbed:
    workflow = Disturbed(tmp_path_factory.mktemp("disturbed"))
    workflow.run_on(cluster)
    return workflow


def test_the_table_is_that_of_one_machine(disturbed, tmp_path):
    alone = Workflow(tmp_path)
    alone.run(TABLE, *SMALL)
    assert (disturbed.folder / TABLE).read_bytes() == (alone.folder / TABLE).read_bytes()


def test_what_costs_was_done_by_slurm_and_nothing_else(disturbed):
    completed = [job for job in disturbed.jobs() if job.state == "COMPLETED"]
    assert Counter(job.rule for job in completed) == ON_GPUS | ON_CPUS
    assert {(job.partition, job.gpus) for job in completed if job.rule in ON_GPUS} == {("gpu", 1)}
    assert {(job.partition, job.gpus) for job in completed if job.rule in ON_CPUS} == {("cpu", 0)}


def test_no_more_trainings_at_once_than_gpus(disturbed):
    jobs = [job for job in disturbed.jobs() if job.gpus]
    at_once = [sum(other.start <= job.start < other.end for other in jobs) for job in jobs]
    assert max(at_once) == GPUS


def test_a_job_that_wants_more_memory_gets_it(disturbed):
    asked = [(job.state, job.memory) for job in disturbed.jobs("render_darkroom")]
    assert asked == [("FAILED", "2000M"), ("COMPLETED", "4000M")]


def test_a_job_that_somebody_cancels_runs_again(disturbed):
    states = [job.state for job in disturbed.jobs("train_teacher")]
    assert states == ["CANCELLED", "COMPLETED"]
