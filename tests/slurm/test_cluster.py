"""The workflow through the shipped profile on a real SLURM, disturbed: its table is that of a run in peace on one machine."""

from collections import Counter

import pandas as pd
import pytest

from tests.slurm.conftest import EPOCHS, GPUS, TABLE, TRAINING

pytestmark = pytest.mark.slow

ON_GPUS = {"train_teacher": 1, "train_fold": 4, "export_logits": 2, "export_fold": 4, "distill_student": 1}
CPU_RULES = ["render_darkroom", "inspect_videos", "decode_videos", "correct_frames", "compute_flow"]
ON_CPUS = dict.fromkeys(CPU_RULES, 1)


def test_the_table_is_that_of_one_machine(runs):
    assert (runs.disturbed.folder / TABLE).read_bytes() == (runs.alone.folder / TABLE).read_bytes()


def test_what_costs_was_done_by_slurm_and_nothing_else(runs):
    completed = [job for job in runs.jobs(runs.disturbed) if job.state == "COMPLETED"]
    assert Counter(job.rule for job in completed) == ON_GPUS | ON_CPUS
    assert {(job.partition, job.gpus) for job in completed if job.rule in ON_GPUS} == {("gpu", 1)}
    assert {(job.partition, job.gpus) for job in completed if job.rule in ON_CPUS} == {("cpu", 0)}


def test_no_more_jobs_at_once_than_gpus(runs):
    jobs = [job for workflow in (runs.disturbed, runs.late) for job in runs.jobs(workflow) if job.gpus]
    at_once = [sum(other.start <= job.start < other.end for other in jobs) for job in jobs]
    assert max(at_once) == GPUS


def test_a_job_that_lacks_memory_gets_more(runs):
    asked = [(job.state, job.memory) for job in runs.jobs(runs.disturbed, "render_darkroom")]
    assert asked == [("FAILED", "2000M"), ("COMPLETED", "4000M")]


def test_a_job_that_somebody_cancels_runs_again(runs):
    states = [job.state for job in runs.jobs(runs.disturbed, "train_teacher")]
    assert states == ["CANCELLED", "COMPLETED"]


def test_a_training_that_is_over_its_time_is_told_so_and_goes_on_in_the_next_job(runs):
    jobs = runs.jobs(runs.late, "train_teacher")
    assert [(job.state, job.limit) for job in jobs] == [("FAILED", "00:04:00"), ("COMPLETED", "00:05:00")]
    assert (
        "resume.pt: resumed after "
        in (runs.late.folder / "logs/train_teacher/darkroom_split0_seed0_rgb.log").read_text()
    )
    assert len(pd.read_csv(runs.late.folder / TRAINING / "history.csv")) == EPOCHS
