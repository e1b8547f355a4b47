"""
One thing that Snakemake's scheduler does too often, for long runs on few cores.

Snakemake 9 limits the jobs that it starts in a second. For that it sets a timer each time it looks for jobs, and each timer
makes it look again: none of these chains ever ends, and every job that finishes begins another. After 300 jobs it looked 160
times a second and took a third of a core (docs/log.md). One timer at a time does the same.
"""

import threading

from snakemake.scheduling.job_scheduler import JobScheduler


def look_again_once(scheduler, delay):
    """Have the scheduler look for jobs after `delay` seconds, unless that is to happen anyway."""

    def look():
        scheduler.looks_again = False
        scheduler._open_jobs.release()

    if not getattr(scheduler, "looks_again", False):
        scheduler.looks_again = True
        threading.Timer(delay, look).start()


if hasattr(JobScheduler, "_schedule_reevalutation"):  # of versions that do so
    JobScheduler._schedule_reevalutation = look_again_once
