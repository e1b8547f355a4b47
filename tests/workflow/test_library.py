"""Jobs run the library of their own checkout, whose hash they carry, not one that is installed."""

import os
import subprocess
import sys

RULE = """
configfile: "config.yaml"
include: "rules/common.smk"
rule tell:
    output: "told.txt"
    script: "workflow_scripts/tell.py"
"""
SCRIPT = """
from pathlib import Path
import ukdlib
Path(snakemake.output[0]).write_text(ukdlib.__file__)
"""


def test_jobs_import_the_library_beside_the_rules(workflow, tmp_path):
    installed = tmp_path / "installed/ukdlib"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    (workflow.folder / "tell.smk").write_text(RULE)
    (workflow.folder / "workflow_scripts/tell.py").write_text(SCRIPT)
    subprocess.run(
        [sys.executable, "-P", "-m", "snakemake", "--cores", "1", "-s", "tell.smk", "told.txt"],
        cwd=workflow.folder,
        env={**os.environ, "PYTHONPATH": str(installed.parent)},
        capture_output=True,
        check=True,
    )
    assert (workflow.folder / "told.txt").read_text() == str(workflow.folder / "ukdlib/__init__.py")
