"""`--sdm conda`: a plan asks for the environments that its jobs need. Nothing is installed: conda is a double."""

import os

import pytest

CONDA = """#!/bin/sh
case "$1" in
    info) echo '{"conda_prefix": "/nowhere", "platform": "linux-64", "conda_version": "25.1.1"}' ;;
    --version) echo "conda 25.1.1" ;;
    *) echo '{"get": {"channel_priority": "strict"}}' ;;
esac
"""


@pytest.fixture
def conda(tmp_path, monkeypatch):
    (tmp_path / "conda").write_text(CONDA)
    (tmp_path / "conda").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(("backend", "has_torch"), [("numba", False), ("torch", True), ("opencv", False)])
def test_flow_is_computed_with_torch_only_where_its_backend_is_torch(backend, has_torch, workflow, conda):
    flow = "results/darkroom/frames/flow/shard0.arrow"
    setting = f"modalities={{flow: {{backend: {backend}}}}}"
    said = workflow.run("--dry-run", "--sdm", "conda", "--config", setting, "--", flow)
    assert "compute_flow" in said and "envs/video.yaml will be created" in said
    assert ("envs/torch.yaml will be created" in said) == has_torch
