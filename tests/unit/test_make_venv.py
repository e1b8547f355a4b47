"""envs/make_venv.py: a .venv that cannot be used is recreated, an unsupported Python refused in one sentence."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "envs/make_venv.py"
HERE = sys.version_info[:2]
ELSE = next(version for version in [(3, 11), (3, 12)] if version != HERE)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script in a checkout of its own; what it would run is kept in `ran` instead."""
    for name in ("pyproject.toml", "constraints.txt", "envs/make_venv.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    spec = importlib.util.spec_from_file_location("make_venv", tmp_path / "envs/make_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ran = []
    monkeypatch.setattr(module, "compile_packages", lambda: module.ran.append(COMPILED))
    monkeypatch.setattr(module, "run", lambda command: module.ran.append(command[1:4]))
    return module


def finish(script):
    """A .venv as it is after everything was installed."""
    folder = Path(script.VENV)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").touch()
    script.write_ready()
    return folder


NEW, PACKAGES, COMPILED = ["-m", "venv", "--clear"], ["-m", "pip", "install"], "compiled"


def test_a_finished_one_is_left_alone(script):
    finish(script)
    script.main()
    script.main("python3")
    assert script.ran == []


def test_other_packages_are_installed_into_the_same_one(script):
    finish(script)
    with open(Path(script.ROOT) / "constraints.txt", "a") as file:
        file.write("other==1\n")
    script.main()
    assert script.ran == [PACKAGES, COMPILED]


def lose_the_interpreter(folder):
    (folder / "bin/python").unlink()
    (folder / "bin/python").symlink_to(folder / "gone")


def say(old, new):
    """Change what is written in .venv/ready."""
    return lambda folder: (folder / "ready").write_text((folder / "ready").read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lose_the_interpreter, "its interpreter is gone"),
        (lambda folder: (folder / "ready").unlink(), "it is not finished"),
        (lambda folder: (folder / "ready").write_text(""), "it is not finished"),
        (say("/.venv", "/elsewhere/.venv"), "it was made in .*/elsewhere/.venv"),
        (say("3.", "4."), "it was made with Python 4.* and runs 3"),
    ],
)
def test_one_that_cannot_be_used_is_recreated(script, monkeypatch, capsys, damage, why):
    damage(finish(script))
    monkeypatch.setattr(script, "write_ready", lambda: None)  # there is no interpreter that could be asked
    script.main()
    assert script.ran == [NEW, PACKAGES, COMPILED]
    assert re.fullmatch(f"Recreating .venv: {why}.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("asked", "why"),
    [(None, None), (HERE, None), (ELSE, "it has Python {}.{}".format(*HERE))],
)
def test_it_has_the_python_that_was_asked_for_or_any_that_is_supported(script, asked, why):
    made = ["{}.{}".format(*HERE), script.VENV, script.wanted()]
    assert script.fault(made, (*HERE, 0), asked) == why
    assert script.fault(["3.10", script.VENV, ""], (3, 10, 13), None) == "it has Python 3.10"


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_only_has_its_name_is_not_cleared(script, tmp_path, kind):
    place, other = Path(script.VENV), tmp_path / "other"
    other.mkdir()
    (other / "pyvenv.cfg").touch()
    if kind == "file":
        place.touch()
    elif kind == "folder":
        place.mkdir()
        (place / "mine").touch()
    else:
        place.symlink_to(other)
    with pytest.raises(
        SystemExit, match=r"\.venv is (no virtual environment; move it away|a link, and it is)"
    ):
        script.main()
    assert script.ran == []


def pretend(script, monkeypatch, *there):
    """Run as Python 3.10.13 where only the pythons of these versions are on PATH."""
    monkeypatch.setattr(script.sys, "version", "3.10.13 (main)")
    known = {"python3." + minor: (3, int(minor), 1) for minor in there}
    monkeypatch.setattr(script, "version_of", lambda name: known.get(name))


@pytest.mark.parametrize(("there", "other"), [([], "3.13"), (["11"], "3.11"), (["11", "12"], "3.12")])
def test_an_unsupported_python_is_refused_in_one_sentence(script, monkeypatch, there, other):
    pretend(script, monkeypatch, *there)
    with pytest.raises(SystemExit) as refusal:
        script.main("/usr/bin/python3")
    assert str(refusal.value) == (
        "ukd needs Python 3.11, 3.12 or 3.13; /usr/bin/python3 is 3.10.13 "
        f"(choose another: make PYTHON=python{other} demo)"
    )
    assert script.ran == []


def test_a_supported_one_is_taken_instead_if_nobody_chose(script, monkeypatch):
    pretend(script, monkeypatch, "11", "12")
    assert script.find_python(None) == "python3.12"
    pretend(script, monkeypatch)
    with pytest.raises(SystemExit, match=r"; python3 is 3\.10\.13 "):
        script.find_python(None)


def test_it_knows_the_versions_that_the_project_allows(script):
    allowed = SpecifierSet(
        re.search('^requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    )
    assert script.supported() == [(3, minor) for minor in range(30) if f"3.{minor}.1" in allowed]


def test_old_pythons_can_read_it():
    """To be refused by it, not by a syntax error: no f-strings, annotations, keyword-only arguments, `:=`."""
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)
        assert not (isinstance(node, ast.FunctionDef) and (node.args.kwonlyargs or node.returns))
    assert SCRIPT.read_text().isascii()


@pytest.mark.parametrize(("choice", "told"), [([], ""), (["PYTHON=python3.12"], " python3.12")])
def test_make_says_whether_somebody_chose(choice, told):
    if not shutil.which("make"):
        pytest.skip("no make")
    environment = {"PATH": os.environ["PATH"]}  # without PYTHON and MAKEFLAGS of a `make test` around this
    command = ["make", "-n", *choice, ".venv/ready"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("envs/make_venv.py" + told)
