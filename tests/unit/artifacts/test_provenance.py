"""A hash changes when results may change, and not when only prose, layout or time stamps do."""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ukdlib.artifacts.provenance import code_hash, config_hash, own_code, resume_key

ROOT = Path(__file__).parents[3]
FILES = {
    "scripts/train.py": '"""Train."""\nfrom ukdlib.losses import loss\nprint(loss(1))\n',
    "ukdlib/__init__.py": "",
    "ukdlib/losses.py": "from ukdlib import base\n\ndef loss(x):\n    return x + base.one\n",
    "ukdlib/base.py": "one = 1\n",
    "ukdlib/other.py": "two = 2\n",
    "ukdlib/darkroom/__init__.py": "",
    "ukdlib/darkroom/scene.py": "from .lamp import light\n",
    "ukdlib/darkroom/lamp.py": "light = 0.1\n",
    "scripts/render.py": "import ukdlib.darkroom.scene\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def changed(project, entry, file, text):
    """Whether the hash of entry differs once file has another text."""
    before = code_hash(entry, project)
    (project / file).write_text(text)
    return code_hash(entry, project) != before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "scripts/train.py",
            '"""Another text."""\n# why\nfrom ukdlib.losses import loss\n\n\nprint( loss(1) )\n',
        ),
        (
            "ukdlib/losses.py",
            'from ukdlib import base\ndef loss(x):\n    """Sum."""\n    return x + base.one  # so\n',
        ),
        ("ukdlib/base.py", '"""Ones."""\none = 1\n'),
        ("ukdlib/other.py", "two = 3\n"),
        ("ukdlib/darkroom/lamp.py", "light = 0.2\n"),
    ],
)
def test_prose_layout_and_modules_that_are_not_imported_do_not_count(project, file, text):
    assert not changed(project, "scripts/train.py", file, text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("scripts/train.py", "from ukdlib.losses import loss\nprint(loss(2))\n"),
        ("ukdlib/losses.py", "from ukdlib import base\n\ndef loss(x):\n    return x - base.one\n"),
        ("ukdlib/base.py", "one = 2\n"),
    ],
)
def test_an_edit_of_the_script_or_of_any_module_below_it_counts(project, file, text):
    assert changed(project, "scripts/train.py", file, text)


def test_modules_of_a_subpackage_and_relative_imports_are_followed(project):
    assert changed(project, "scripts/render.py", "ukdlib/darkroom/lamp.py", "light = 0.2\n")
    assert changed(project, "scripts/render.py", "ukdlib/darkroom/__init__.py", "dark = True\n")
    assert not changed(project, "scripts/render.py", "ukdlib/base.py", "one = 2\n")


def test_a_string_that_is_not_a_docstring_counts(project):
    assert changed(project, "scripts/train.py", "ukdlib/base.py", 'one = "1"\n')


def test_a_touched_file_and_another_folder_change_nothing(project, tmp_path_factory):
    before = code_hash("scripts/train.py", project)
    os.utime(project / "ukdlib/base.py", (0, 0))
    moved = project.rename(tmp_path_factory.mktemp("else") / "where")
    assert code_hash("scripts/train.py", moved) == before


def test_the_same_text_under_another_name_differs(project):
    script = "from ukdlib import {}\n"
    (project / "scripts/a.py").write_text(script.format("base"))
    before = code_hash("scripts/a.py", project)
    (project / "ukdlib/same.py").write_text(FILES["ukdlib/base.py"])
    (project / "scripts/a.py").write_text(script.format("same"))
    assert code_hash("scripts/a.py", project) != before
    (project / "scripts/b.py").write_text(script.format("same"))
    assert code_hash("scripts/b.py", project) != code_hash("scripts/a.py", project)


def test_a_missing_script_is_named():
    with pytest.raises(FileNotFoundError, match=r"no_such\.py"):
        code_hash("workflow_scripts/no_such.py", ROOT)


def test_scripts_of_this_project_have_hashes_of_their_own():
    scripts = sorted(path.relative_to(ROOT) for path in (ROOT / "workflow_scripts").glob("*.py"))
    hashes = {code_hash(script.as_posix(), ROOT) for script in scripts}
    assert len(hashes) == len(scripts)


def test_a_hash_does_not_depend_on_the_version_of_python(tmp_path):
    """By hand: empty fields, such as decorators and type parameters, are added or omitted by other versions."""
    (tmp_path / "a.py").write_text("class A:\n    x = 1\n\n\ndef f():\n    return A\n")
    dumped = (
        "Module(body=[ClassDef(name='A',body=[Assign(targets=[Name(id='x',ctx=Store())],value=Constant(value=1))]),"
        "FunctionDef(name='f',args=arguments(),body=[Return(value=Name(id='A',ctx=Load()))])])"
    )
    digest = hashlib.sha256(dumped.encode()).hexdigest()
    expected = hashlib.sha256(f"a.py {digest}\n".encode()).hexdigest()[:16]
    assert code_hash("a.py", tmp_path) == expected


def test_hashes_are_the_same_in_another_process():
    code = (
        "from ukdlib.artifacts.provenance import code_hash; print(code_hash('workflow_scripts/evaluate.py'))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True)
    assert printed.strip() == code_hash("workflow_scripts/evaluate.py", ROOT)


def test_settings_count_by_value_not_by_order_of_keys():
    assert config_hash({"a": 1, "b": {"c": [1, 2], "d": None}}) == config_hash(
        {"b": {"d": None, "c": [1, 2]}, "a": 1}
    )
    assert config_hash({"a": [1, 2]}) != config_hash({"a": [2, 1]})
    assert config_hash({"a": 1}) != config_hash({"a": "1"})
    assert len(config_hash({})) == 12


def test_settings_that_json_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        config_hash({"a": float("nan")})


def test_resume_key_follows_settings_and_sources(tmp_path):
    source = tmp_path / "source"
    source.write_text("one")
    keys = [resume_key([str(source)], {"gamma": 3.0}), resume_key([str(source)], {"gamma": 2.0})]
    source.write_text("other")
    keys.append(resume_key([str(source)], {"gamma": 3.0}))
    assert len(set(keys)) == 3 and keys[2] == resume_key([str(source)], {"gamma": 3.0})


def test_a_users_module_is_followed_below_its_folder_packages_too(tmp_path):
    files = {
        "nets/__init__.py": "LAYERS = 2\n",
        "nets/big.py": "from nets.parts import stem\nfrom . import small\nimport numpy\n",
        "nets/parts.py": "stem = 1\n",
        "nets/small.py": "import other\n",
        "other.py": "x = 1\n",
        "unused.py": "y = 1\n",
    }
    (tmp_path / "nets").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = own_code("nets.big", tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text + "z = 3\n")
        assert (own_code("nets.big", tmp_path) == before) == (name == "unused.py"), name
        (tmp_path / name).write_text(text + "# prose\n")
        assert own_code("nets.big", tmp_path) == before
    assert own_code("nets", tmp_path) != before


def test_an_installed_module_counts_by_its_version_and_an_unknown_one_not_at_all(tmp_path):
    assert own_code("numpy.linalg", tmp_path) == f"numpy {version('numpy')}"
    assert own_code("no_such_module", tmp_path) is None
