"""A cluster for the session, and three runs at the same time: one undisturbed on this machine, two on the cluster."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.slurm.cluster import Cluster, Job, obstacle, wait_until
from tests.workflow.conftest import TINY, Workflow

GPUS = 2
TABLE = "results/darkroom/tables/small.csv"
FRAMES = "results/darkroom/frames/rgb/shard0.arrow"
SUBSETS = "results/darkroom/split0/subsets.parquet"
TRAINING = "results/darkroom/split0/seed0/teachers/rgb"
SMALL = ["--configfile", TINY, str(Path(__file__).with_name("small.yaml"))]
# The shipped profile waits longer, for far-away file systems and busy clusters.
NEARBY = {"slurm-init-seconds-before-status-checks": 2, "latency-wait": 10}
LIMIT = 400  # seconds until there is a training to cancel
EPOCHS = 180  # of one step, which SLOW makes half a second long

# Lines that make a script need more memory than it first requests, and slow down a training.
NO_START = (TimeoutError, OSError, subprocess.SubprocessError)  # a sandbox may not allow daemons
HUNGRY = "if snakemake.resources.mem_mb < 4000: raise MemoryError\n\n"
SLOW = """
import time
from ukdlib.learning import training

lesson_loss = training.lesson_loss
training.lesson_loss = lambda *arguments: (time.sleep(0.5), lesson_loss(*arguments))[1]
"""


class Runs(NamedTuple):
    """
    alone: undisturbed on this machine
    disturbed: a rendering lacks memory, and the first training is cancelled
    late: a training exceeds its time limit
    """

    cluster: Cluster
    alone: Workflow
    disturbed: Workflow
    late: Workflow

    def jobs(self, workflow: Workflow, rule: str | None = None) -> list[Job]:
        return [job for job in self.cluster.jobs(workflow.folder) if rule in (None, job.rule)]

    def run(self) -> None:
        """Each run ends within the time that Workflow.snakemake gives it."""
        with ThreadPoolExecutor() as pool:
            steps = [self._run_alone, self._run_disturbed, self._cancel_a_training, self._run_late]
            for step in [pool.submit(step) for step in steps]:
                step.result()

    def _run_alone(self) -> None:
        self.alone.run(TABLE, *SMALL)

    def _run_disturbed(self) -> None:
        self.disturbed.edit("workflow_scripts/render_darkroom.py", "from ukdlib", f"{HUNGRY}from ukdlib")
        run_on_cluster(self.disturbed, {}, TABLE, *SMALL)

    def _cancel_a_training(self) -> None:
        def running() -> list[str]:
            trainings = self.jobs(self.disturbed, "train_teacher")
            return [job.number for job in trainings if job.state == "RUNNING"]

        wait_until(running, LIMIT, "a training runs")
        subprocess.run(["scancel", *running()], check=True, timeout=30)

    def _run_late(self) -> None:
        watch = "interruption.watch()\n"
        self.late.edit("workflow_scripts/train_teacher.py", watch, watch + SLOW)
        overlay = self.late.folder / "late.yaml"
        overlay.write_text(f"recipes: {{train: {{epochs: {EPOCHS}}}}}\n")
        self.late.run(FRAMES, SUBSETS, *SMALL)
        # `--signal=TERM@120` comes 120 to 150 s before the end: half a minute or a minute after the start
        short = {"set-resources": {"train_teacher": {"runtime": "2 + attempt"}}}
        run_on_cluster(self.late, short, f"{TRAINING}/checkpoint.safetensors", *SMALL, str(overlay))


def run_on_cluster(workflow: Workflow, changes: dict[str, object], *arguments: str) -> None:
    """With the shipped profile and the changes that a test needs."""
    path = workflow.folder / "profiles/slurm/config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | NEARBY | changes))
    done = workflow.snakemake("--workflow-profile", "profiles/slurm", *arguments)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if reason := obstacle():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), GPUS)
    try:
        try:
            cluster.up()
        except NO_START as error:
            pytest.skip(f"SLURM does not come up here ({error}): {cluster.last_words()}")
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def runs(cluster, tmp_path_factory) -> Runs:
    workflows = [Workflow(tmp_path_factory.mktemp(name)) for name in Runs._fields[1:]]
    runs = Runs(cluster, *workflows)
    runs.run()
    return runs
