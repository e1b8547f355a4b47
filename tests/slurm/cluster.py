"""A real SLURM on this host: munge, slurmctld and two slurmd, one with fake GPUs. It ends what it started."""

import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}
CONFIG = Path("/etc/slurm")  # the only folder that Snakemake's job steps read: they drop SLURM_CONF
FILES = ["slurm.conf", "gres.conf"]


class Job(NamedTuple):
    """SLURM's record of a job; times as it prints them, which can be sorted."""

    number: str
    rule: str
    folder: str
    state: str
    partition: str
    gpus: int
    cores: int
    memory: str
    limit: str
    start: str
    end: str


def obstacle() -> str | None:
    """Why no cluster can be started here."""
    if os.getuid() != 0:
        return "SLURM's daemons need root here"
    if shutil.which("scontrol") and "UP" in _output("scontrol", "ping"):
        return "this host belongs to a SLURM cluster"
    if any((CONFIG / file).exists() for file in FILES):
        return f"{CONFIG} contains the configuration of another SLURM, or leftovers of a killed test"
    if not _devices_allowed():
        return "no devices can be created here, and SLURM needs some for its GPUs"
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    return f"{', '.join(missing)}: not installed" if missing and not _installed(missing) else None


class Cluster:
    """`up` and `down`; `jobs` lists SLURM's records of all jobs, including finished ones."""

    def __init__(self, folder: Path, gpus: int):
        self.folder, self.gpus = folder, gpus
        self.daemons: list[subprocess.Popen] = []

    def up(self) -> None:
        self._configure()
        if not _munge_works():
            self._start_munge()
        (self.folder / "state").mkdir()
        self._start("slurmctld", "-D")
        for node in "gc":
            self._start("slurmd", "-D", "-N", node)
        wait_until(lambda: _output("sinfo", "-h", "-o", "%T").split() == ["idle"], 60, "nodes are idle")

    def down(self) -> None:
        """Cancel all jobs, end the daemons in reverse order and remove the links to their configuration."""
        try:
            subprocess.run(["scancel", "--full", "--user", "root"], timeout=30, capture_output=True)
            wait_until(lambda: not _output("squeue", "-h"), 90, "all jobs are gone")
        finally:
            for daemon in reversed(self.daemons):
                _end(daemon)
            for file in FILES:
                if (CONFIG / file).is_symlink() and (CONFIG / file).readlink() == self.folder / file:
                    (CONFIG / file).unlink()

    def last_words(self) -> str:
        """The end of the daemons' logs."""
        logs = [self.folder / name for name in ("daemons.log", "slurmctld.log", "g.log", "c.log")]
        return " | ".join(log.read_text()[-300:].strip() for log in logs if log.exists())

    def jobs(self, folder: Path) -> list[Job]:
        """All jobs that were submitted from this folder, in order."""
        listed = map(_job, _output("scontrol", "--oneliner", "show", "jobs").splitlines())
        return sorted(
            (job for job in listed if job and job.folder == str(folder)), key=lambda job: int(job.number)
        )

    def _configure(self) -> None:
        devices = [self.folder / f"gpu{number}" for number in range(self.gpus)]
        for device in devices:
            _null_device(device)
        template = Path(__file__).with_name("slurm.conf").read_text()
        values = {"folder": self.folder, "host": socket.gethostname().split(".")[0], "gpus": self.gpus}
        (self.folder / "slurm.conf").write_text(template.format_map(values))
        lines = [f"NodeName=g Name=gpu File={device}\n" for device in devices]
        (self.folder / "gres.conf").write_text("".join(lines))
        CONFIG.mkdir(exist_ok=True)
        for file in FILES:
            (CONFIG / file).unlink(missing_ok=True)  # a broken link, by obstacle()
            (CONFIG / file).symlink_to(self.folder / file)

    def _start_munge(self) -> None:
        """As its own user and at the usual socket, where SLURM expects it."""
        for folder in ("/run/munge", "/var/lib/munge", "/var/log/munge"):
            Path(folder).mkdir(mode=0o755, exist_ok=True)
            shutil.chown(folder, "munge", "munge")
        self._start("munged", "--foreground", user="munge", group="munge", extra_groups=[])
        wait_until(_munge_works, 30, "munge answers")

    def _start(self, *command: str, **options: object) -> None:
        with open(self.folder / "daemons.log", "ab") as log:
            daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        self.daemons.append(daemon)


def wait_until(condition: Callable[[], object], seconds: float, words: str) -> None:
    """Poll until it holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {words}")
        time.sleep(0.2)


def _installed(packages: list[str]) -> bool:
    """Whether Debian's packages could be installed."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", *packages],
    ):
        try:
            subprocess.run(command, check=True, timeout=300, capture_output=True, env=environment)
        except (OSError, subprocess.SubprocessError):
            return False
    return True


def _null_device(path: Path) -> None:
    """A device that SLURM accepts as a GPU; with a plain file it would not set CUDA_VISIBLE_DEVICES."""
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


def _devices_allowed() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            _null_device(Path(folder) / "gpu0")
        except PermissionError:
            return False
    return True


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except subprocess.TimeoutExpired:
        return ""


def _munge_works() -> bool:
    made = subprocess.run(["munge", "--no-input"], capture_output=True, timeout=30)
    read = subprocess.run(["unmunge"], input=made.stdout, capture_output=True, timeout=30)
    return made.returncode == read.returncode == 0


def _end(daemon: subprocess.Popen) -> None:
    daemon.terminate()
    try:
        daemon.wait(timeout=20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait(timeout=20)


def _job(line: str) -> Job | None:
    """One line of `scontrol show jobs`; None if it is not a job of Snakemake."""
    said = dict(re.findall(r"(\S+?)=(\S*)", line))
    rule = re.match(r"rule_(\w+?)(?:_wildcards_|$)", said.get("Comment", ""))
    if rule is None:
        return None
    gpus = re.search(r"gpu:(\d+)", said.get("TresPerJob", ""))
    where = said["WorkDir"], said["JobState"], said["Partition"]
    times = said["TimeLimit"], said["StartTime"], said["EndTime"]
    return Job(
        said["JobId"],
        rule[1],
        *where,
        int(gpus[1]) if gpus else 0,
        int(said["CPUs/Task"]),
        said["MinMemoryNode"],
        *times,
    )
