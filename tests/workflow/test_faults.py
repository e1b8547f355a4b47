"""Disk faults: a damaged, lost or unreadable file ends in an error that names it, or in the same results."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.workflow.conftest import TINY, Workflow
from ukdlib.frames.store import open_shards

pytestmark = pytest.mark.slow
SEED = "results/darkroom/split0/seed0"
TABLES = ["results/darkroom/tables/tiny.csv", "results/darkroom/tables/data_clips.csv"]

# what is damaged -> what is then lost, so that the damaged file is read, and the rule that reads it
READERS = {
    "results/darkroom/frames/rgb/shard0.arrow": (
        "results/darkroom/frames/flow/shard0.arrow",
        "compute_flow",
    ),
    f"{SEED}/teachers/flow/checkpoint.safetensors": (
        f"{SEED}/teachers/flow/logits/train.parquet",
        "export_logits",
    ),
    f"{SEED}/teachers/rgb/logits/train.parquet": (f"{SEED}/fusions/ukd/logits/train.parquet", "fuse_logits"),
    f"{SEED}/students/rgb_ukd/logits/test.parquet": (
        f"{SEED}/students/rgb_ukd/metrics/test.json",
        "evaluate",
    ),
    "results/darkroom/split0/subsets.parquet": (TABLES[1], "describe_data"),
    f"{SEED}/students/rgb_ukd/metrics/test.json": (TABLES[0], "tabulate"),
}


def tables_of(workflow: Workflow) -> list[bytes]:
    return [(workflow.folder / table).read_bytes() for table in TABLES]


def flip(path: Path, seed: int) -> None:
    """Change one bit in the middle half of a file, as a disk does: size and time stay as they are."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    place = int(np.random.default_rng(seed).integers(len(content) // 4, 3 * len(content) // 4))
    content[place] ^= 1 << seed % 8
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def log_of(workflow: Workflow, said: str) -> str:
    """The logs of the jobs that failed in a run."""
    logs = re.findall(r"log: (\S+)", said)
    return "".join((workflow.folder / log).read_text() for log in logs if (workflow.folder / log).exists())


@pytest.mark.parametrize("damaged", READERS)
def test_a_flipped_bit_is_reported_with_the_remedy_which_restores_the_same_bytes(damaged, finished, original):
    lost, reader = READERS[damaged]
    flip(finished.folder / damaged, seed=len(damaged))
    (finished.folder / lost).unlink()
    done = finished.snakemake(lost, "--cores", "2", "--configfile", TINY)
    assert done.returncode != 0 and f"Error in rule {reader}:" in done.stdout + done.stderr
    log = log_of(finished, done.stdout + done.stderr)
    assert f"{damaged} is damaged" in log and f"rm '{damaged}'" in log, log
    (finished.folder / damaged).unlink()
    finished.run(damaged, lost, "--configfile", TINY)
    for file in (damaged, lost):
        assert content(finished.folder / file) == content(original.folder / file)


def content(path: Path) -> bytes | dict[str, bytes]:
    """The bytes of a file; of frames the pixels, for their file also has a key with the times of its sources."""
    if path.suffix != ".arrow":
        return path.read_bytes()
    store = open_shards([str(path)])
    return {name: store.window(name, range(store.shape(name)[0])).tobytes() for name in store.video_ids}


def without_privilege(workflow: Workflow, *arguments: str) -> subprocess.CompletedProcess:
    """Snakemake as a user without the right to read everything, which the tests' user may have."""
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed: root can read any file")
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    command = [*prefix, sys.executable, "-m", "snakemake", "--nocolor", *arguments, "--cores", "2"]
    return subprocess.run(command, cwd=workflow.folder, capture_output=True, text=True, timeout=1800)


def test_an_unreadable_file_is_reported_and_the_run_resumes_once_it_can_be_read(finished, original):
    closed = finished.folder / SEED / "teachers/rgb/logits/train.parquet"
    fused = f"{SEED}/fusions/ukd/logits/train.parquet"
    (finished.folder / fused).unlink()
    closed.chmod(0)
    done = without_privilege(finished, fused, "--configfile", TINY)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and re.search(
        "Permission denied.*rgb/logits/train", said + log_of(finished, said)
    )
    closed.chmod(0o644)
    finished.run(fused, "--configfile", TINY)
    assert (finished.folder / fused).read_bytes() == (original.folder / fused).read_bytes()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB; the tiny run needs about 40."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", disk], capture_output=True
    ).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_stops_the_run_which_resumes_when_there_is_room(small_disk, original):
    workflow = Workflow(small_disk)
    done = workflow.snakemake("--cores", "2", "--configfile", TINY)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "No space left on device" in said + log_of(workflow, said)
    kept = {path: path.read_bytes() for path in small_disk.rglob("*.arrow")}
    subprocess.run(["mount", "-o", "remount,size=2G", small_disk], check=True)
    workflow.snakemake("--cores", "2", "--configfile", TINY, "--unlock")
    workflow.run("--configfile", TINY)
    assert tables_of(workflow) == tables_of(original)
    assert all(
        path.read_bytes() == content for path, content in kept.items()
    )  # whole files only had their names
