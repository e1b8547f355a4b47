"""An installed version that was not tried is named in one sentence, without an import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ukdlib.machine.packages import TRIED, built_for_gpus, import_first, untried

ROOT = Path(__file__).parents[3]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Leave the records that an installation of this version leaves, before all others."""

    def leave(name, version):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return leave


@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cpu", "2.14.1", "2.14.2.dev20261101+cu130"])
def test_what_was_tried_passes(install, version):
    install("torch", version)
    assert untried() is None


@pytest.mark.parametrize("version", ["1.13.1", "2.12.1+cpu", "2.15.0", "3.0.0"])
def test_anything_else_is_named_with_what_is_needed(install, version):
    install("torch", version)
    assert untried() == (
        f"torch {version} is installed, ukd needs torch>=2.13,<2.15: "
        "`pip install -c constraints.txt -e .` installs one that was tried"
    )


def test_torchvision_is_asked_for_too(install):
    install("torch", "2.13.0")
    install("torchvision", "0.27.1")
    assert untried().startswith("torchvision 0.27.1 is installed, ukd needs torchvision>=0.28,<0.30: ")


def test_what_is_not_installed_passes(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    assert untried() is None


@pytest.mark.parametrize("name", TRIED)
def test_the_range_is_the_projects_and_holds_what_runs_here(name):
    first, end = TRIED[name].split(",")
    assert f'"{name}>={first},<{end}",' in (ROOT / "pyproject.toml").read_text()
    assert untried() is None


def test_nothing_is_imported_for_it():
    code = (
        "import sys; from ukdlib.machine.packages import untried; untried();"
        "sys.exit(bool({'torch', 'packaging', 'tomllib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_folder_comes_before_what_is_on_the_path_and_once(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/a", "/b"]))
    import_first("/b")
    import_first("/b")
    assert os.environ["PYTHONPATH"].split(os.pathsep) == ["/b", "/a"]
    monkeypatch.delenv("PYTHONPATH")
    import_first("/b")
    assert os.environ["PYTHONPATH"] == "/b"


@pytest.mark.parametrize(
    ("lines", "built"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", []),
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", ["cuda"]),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '7.1'\n", ["hip"]),
        ("cuda = '13.0'\n", ["cuda"]),
    ],
)
def test_torch_says_without_an_import_what_it_is_built_for(monkeypatch, tmp_path, lines, built):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "torch/version.py").write_text(f"__version__ = '2.13.0'\n{lines}git_version = 'cf'\n")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert [kind for kind in ("cuda", "hip") if built_for_gpus(kind)] == built
    assert built_for_gpus() is bool(built)
