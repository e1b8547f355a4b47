"""Fifty kills at random times, of jobs and of Snakemake itself: the run ends with the bytes of an undisturbed one."""

import os
import random
import subprocess
import sys
import time

import psutil
import pytest

from tests.workflow.conftest import TINY, Workflow

KILLS, OF_ALL = 50, 10  # every tenth takes Snakemake and all of its jobs
PAUSE = (0.2, 3.0)  # seconds between two kills; the tiny run alone has some 60 jobs of 1 to 6 s
LIMIT = 4500  # seconds
COMPARED = ["tables/*.csv", "split0/**/metrics/*.json", "split0/**/*.parquet", "split0/**/*.safetensors"]
TIMED = {"cost.csv"}  # holds measured seconds


class Victim:
    """A run of the tiny workflow that is started again as often as it takes."""

    def __init__(self, workflow: Workflow):
        self.folder, self.log = workflow.folder, workflow.folder / "run.log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Run, or run again: a killed Snakemake leaves its lock behind."""
        command = [sys.executable, "-m", "snakemake", "--configfile", TINY, "--cores", "2", "--nolock"]
        command += ["--retries", str(KILLS)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=os.environ)

    def jobs(self) -> list[psutil.Process]:
        """Processes that compute something: the scripts of jobs."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if f"{self.folder}/.snakemake/scripts" in words:
                found.append(process)
        return found

    def kill(self, everything: bool, rng: random.Random) -> bool:
        """kill -9 of one job, or of Snakemake and all of them; False if none was there."""
        jobs = self.jobs()
        if not jobs:
            return False
        if everything:
            self.process.kill()
            self.process.wait(timeout=600)
        for job in jobs if everything else [rng.choice(jobs)]:
            try:
                job.kill()
            except psutil.NoSuchProcess:
                return False
        return True


@pytest.mark.slow
def test_fifty_kills_change_no_byte(original, workflow):
    rng, victim = random.Random(0), Victim(workflow)
    kills, end = 0, time.monotonic() + LIMIT
    victim.start()
    try:
        while time.monotonic() < end:
            time.sleep(rng.uniform(*PAUSE) if kills < KILLS else 1)
            if victim.process.poll() is not None:
                if victim.process.returncode == 0:
                    break
                victim.start()
            elif kills < KILLS:
                kills += victim.kill(everything=kills % OF_ALL == OF_ALL - 1, rng=rng)
    finally:
        for process in [victim.process, *victim.jobs()]:
            process.kill()
    assert victim.process.returncode == 0, victim.log.read_text()[-3000:]
    assert kills == KILLS, "the run was over before it could be killed often enough"
    here, there = (folder / "results/darkroom" for folder in (workflow.folder, original.folder))
    files = sorted(path.relative_to(there) for kind in COMPARED for path in there.glob(kind))
    assert len(files) > 30
    for file in files:
        if file.name not in TIMED:
            assert (here / file).read_bytes() == (there / file).read_bytes(), file
    assert not [path for name in ("*.part", "*.journal", "resume.pt") for path in here.rglob(name)]
