"""Snakemake's scheduler looks for jobs again once, however often that is asked of it."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace

from snakemake.scheduling.job_scheduler import JobScheduler

RULES = Path(__file__).parents[2] / "rules/scheduling.smk"


def test_one_timer_at_a_time():
    names = {}
    before = JobScheduler._schedule_reevalutation
    try:
        exec(RULES.read_text(), names)
        assert JobScheduler._schedule_reevalutation is names["look_again_once"]
    finally:
        JobScheduler._schedule_reevalutation = before
    scheduler = SimpleNamespace(_open_jobs=threading.Semaphore(0))
    for _ in range(5):
        names["look_again_once"](scheduler, 0.05)
    assert scheduler._open_jobs.acquire(timeout=60)
    time.sleep(0.2)  # others would have come by now
    assert not scheduler._open_jobs.acquire(blocking=False)
    names["look_again_once"](scheduler, 0.01)
    assert scheduler._open_jobs.acquire(timeout=60)


def test_this_version_of_snakemake_has_what_is_replaced():
    """If this fails, look whether the scheduler still starts a timer for each look, or rules/scheduling.smk can go."""
    assert hasattr(JobScheduler, "_schedule_reevalutation")
