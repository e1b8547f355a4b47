"""A copy of the workflow in its own folder, and the jobs that it plans."""

import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.dry_runs import DryRuns
from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.frames.store import fingerprint

ROOT = Path(__file__).parents[2]
PARTS = ["Snakefile", "config.yaml", "config", "rules", "profiles", "envs", "workflow_scripts", "ukdlib"]
TINY = str(Path(__file__).with_name("tiny.yaml"))
# compiled code that another process is about to write
UNFINISHED = shutil.ignore_patterns("*.tmp.*", "*.pyc.*")
COMPILE = """
import numpy as np
from ukdlib import darkroom, flow
from ukdlib.darkroom.clip import render_clip
from ukdlib.machine.compiling import first_alone

first_alone(lambda: render_clip("Walk_1_1", size=(16, 16), fps=2), darkroom.__file__)()
first_alone(lambda: flow.flow_clip(np.zeros((2, 16, 16, 3), np.uint8), "opencv", 20), flow.__file__)()
"""
dry_runs = functools.cache(DryRuns)


@functools.cache
def compile_once() -> None:
    """numba keeps compiled code beside the source: a copy of the checkout has it too, and need not compile."""
    subprocess.run([sys.executable, "-c", COMPILE], cwd=ROOT, check=True, timeout=600)


class Workflow:
    """One working copy; `plan` and `run` take what a user would type after `snakemake`."""

    def __init__(self, folder: Path):
        self.folder = folder
        compile_once()
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=UNFINISHED)
            else:
                shutil.copy2(ROOT / part, folder / part)
        (folder / "weights").symlink_to(ROOT / "weights")  # megabytes that nothing here changes
        shutil.copytree(ROOT / "data/daylight/list_cvt", folder / "data/daylight/list_cvt")
        lists = shutil.copytree(ROOT / "data/darkroom/list_cvt", folder / "data/darkroom/list_cvt")
        shutil.copytree(ROOT / "data/darkroom/wrong_labels", folder / "data/darkroom/wrong_labels")
        (folder / "data/tiny").mkdir()
        for subset, groups in {"train": ("25", "26"), "test": ("1",)}.items():
            lines = (lists / f"split0_{subset}.txt").read_text().splitlines(keepends=True)
            chosen = [line for line in lines if re.search(rf"_({'|'.join(groups)})_1\.mp4", line)]
            (folder / f"data/tiny/{subset}.txt").write_text("".join(chosen))

    @classmethod
    def at(cls, folder: Path) -> "Workflow":
        """The working copy that is in a folder already."""
        workflow = cls.__new__(cls)
        workflow.folder = folder
        return workflow

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """A user's `snakemake` in this folder; what it writes is text."""
        if "--dry-run" in arguments:
            return dry_runs().run(self.folder, arguments)
        command = [sys.executable, "-m", "snakemake", "--nocolor", *arguments]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=os.environ, timeout=1800
        )

    def run(self, *arguments: str) -> str:
        done = self.snakemake("--cores", "2", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def plan(self, *arguments: str) -> dict[str, int]:
        """Rule -> number of jobs of a dry run, without the target rule."""
        output = self.run("--dry-run", *arguments)
        if "Nothing to be done" in output:
            return {}
        stats = output.split("Job stats:")[1].split("\ntotal")[0]
        jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.M)}
        return {rule: count for rule, count in jobs.items() if rule not in ("all",)}

    def refusal(self, overlay: str, *arguments: str) -> str:
        """The output of a dry run with an overlay that it must refuse."""
        path = self.folder / "overlay.yaml"
        path.write_text(overlay)
        done = self.snakemake("--dry-run", "--configfile", str(path), *arguments)
        assert done.returncode != 0, "a faulty configuration was accepted"
        return done.stdout + done.stderr

    def forge(self, path: str) -> None:
        """Have the record of a job state the present content of one of its files, as whoever exchanged it could."""
        for record in (self.folder / "results/provenance").rglob("*.json"):
            content = read_json(record)
            if path in content["outputs"]:
                content["outputs"][path] = fingerprint(str(self.folder / path))
                write_json(record, content)
                return
        raise AssertionError(f"no record of {path}")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def workflow(tmp_path) -> Workflow:
    return Workflow(tmp_path)


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Workflow:
    """
    The workflow after a complete run of the tiny configuration: two teachers, two students, every stage. To look at.

    One for all processes that test: whoever needs it first makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "original"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            Workflow(folder).run("--configfile", TINY)
            (folder / "finished").touch()
    return Workflow.at(folder)


@pytest.fixture
def finished(original, tmp_path) -> Workflow:
    """A copy of the finished workflow, to change."""
    return Workflow.at(shutil.copytree(original.folder, tmp_path / "finished", symlinks=True))
