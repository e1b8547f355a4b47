"""What `pip install .` brings: the whole library, which needs no checkout beside it."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ukdlib"
FILES = {
    path.relative_to(ROOT).as_posix()
    for path in PACKAGE.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
MODULES = sorted(
    name[:-3].replace("/", ".").removesuffix(".__init__") for name in FILES if name.endswith(".py")
)
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        print(importlib.import_module(name).__file__)
    except ModuleNotFoundError as error:
        if error.name not in {"triton", "transformers"}:  # of GPU builds of torch; of an extra
            raise
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the content of the wheel; built from a copy, as setuptools leaves files beside its input."""
    copy, folder = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(PACKAGE, copy / "ukdlib", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        ".",
    ]
    subprocess.run(pip, cwd=copy, check=True)
    (wheel,) = copy.glob("*.whl")
    ZipFile(wheel).extractall(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_library(installed):
    found = {
        path.relative_to(installed).as_posix() for path in (installed / "ukdlib").rglob("*") if path.is_file()
    }
    assert found == FILES
    assert "ukdlib/results/report.html.j2" in found


def test_every_module_imports_without_the_checkout(installed, tmp_path):
    pytest.importorskip("torch")
    command = [sys.executable, "-c", IMPORT_ALL, *MODULES]
    environment = {"PYTHONPATH": str(installed), "NUMBA_DISABLE_JIT": "1"}  # compiling is not asked for
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert len(MODULES) > 100
    assert all(Path(line).is_relative_to(installed) for line in run.stdout.splitlines())


def test_git_ignores_no_file_of_the_project():
    """A folder results/ of the library's looks like one of results to a careless .gitignore."""
    asked = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "ukdlib", "tests", "rules"]
    try:
        run = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git, or not a clone")
    assert [name for name in run.stdout.splitlines() if "/__pycache__/" not in name] == []
