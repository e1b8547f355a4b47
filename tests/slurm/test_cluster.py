"""The shipped profile on a real SLURM: expensive jobs run there, disturbed, and the table is that of one machine."""

from collections import Counter

import pandas as pd
import pytest

from tests.slurm.conftest import EPOCHS, GPUS, TABLE, TRAINING

pytestmark = pytest.mark.slow

ON_GPUS = {"train_teacher": 1, "train_fold": 2, "export_logits": 2, "export_fold": 2, "distill_student": 1}
ON_CPUS = {
    "render_darkroom": 1, "inspect_videos": 1, "decode_videos": 1, "gather_folds": 1
}  # fmt: skip


def test_the_table_is_that_of_one_machine(runs):
    assert (runs.disturbed.folder / TABLE).read_bytes() == (runs.alone.folder / TABLE).read_bytes()


def test_expensive_jobs_ran_on_slurm_and_no_others(runs):
    completed = [job for job in runs.jobs(runs.disturbed) if job.state == "COMPLETED"]
    assert Counter(job.rule for job in completed) == ON_GPUS | ON_CPUS
    assert {(job.partition, job.gpus, job.cores) for job in completed if job.rule in ON_GPUS} == {
        ("gpu", 1, 2)
    }
    assert {(job.partition, job.gpus) for job in completed if job.rule in ON_CPUS} == {("cpu", 0)}


def test_no_more_jobs_at_once_than_gpus(runs):
    jobs = [job for workflow in (runs.disturbed, runs.late) for job in runs.jobs(workflow) if job.gpus]
    at_once = [sum(other.start <= job.start < other.end for other in jobs) for job in jobs]
    assert max(at_once) == GPUS


def test_a_job_that_lacks_memory_gets_more(runs):
    requested = [(job.state, job.memory) for job in runs.jobs(runs.disturbed, "render_darkroom")]
    assert requested == [("FAILED", "2000M"), ("COMPLETED", "4000M")]


def test_a_cancelled_job_runs_again(runs):
    states = [job.state for job in runs.jobs(runs.disturbed, "train_teacher")]
    assert states == ["CANCELLED", "COMPLETED"]


def test_a_training_over_its_time_limit_is_signalled_and_resumes_in_the_next_job(runs):
    *early, last = runs.jobs(runs.late, "train_teacher")
    assert early and {job.state for job in early} == {"FAILED"} and last.state == "COMPLETED"
    assert [job.limit for job in [*early, last]] == [
        f"00:0{3 + number}:00" for number in range(len(early) + 1)
    ]
    log = runs.late.folder / "logs/train_teacher/darkroom_split0_seed0_rgb.log"
    assert "resume.pt: resumed after " in log.read_text()
    assert len(pd.read_csv(runs.late.folder / TRAINING / "history.csv")) == EPOCHS
