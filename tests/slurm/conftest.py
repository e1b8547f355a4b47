"""A cluster for the session, and the workflow on it."""

import pytest
import yaml

from tests.slurm.cluster import Cluster, obstacle
from tests.workflow.conftest import Workflow

GPUS = 2
NEARBY = {"slurm-init-seconds-before-status-checks": 2, "latency-wait": 10}  # the shipped profile waits longer


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if reason := obstacle():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), GPUS)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()


def change_profile(workflow: Workflow, **changes: object) -> None:
    """The shipped profile in this working copy, with what a test must have otherwise."""
    path = workflow.folder / "profiles/slurm/config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | NEARBY | changes))
