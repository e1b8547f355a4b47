"""The subpackages (wings) of ukdlib are layered (floors): each imports only from layers below its own."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ukdlib"
FLOORS = [
    {"artifacts", "machine", "networks", "pictures", "flow", "settings"},
    {"videos", "frames", "learning", "darkroom"},
    {"pretrained", "knowledge"},
    {"results", "deploy"},
]
FLOOR = {wing: number for number, wings in enumerate(FLOORS, start=1) for wing in wings}
WINGS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
MODULES = sorted(PACKAGE.rglob("[a-z]*.py"))


def wing_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def imported(source: str, package: str = "ukdlib") -> set[str]:
    """Dotted names in `package` that a module imports, wherever the statement is."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] == package}


def upward(wing: str, source: str) -> set[str]:
    """What a module of this wing imports from wings that are not below its own."""
    others = {name.split(".")[1] for name in imported(source)} - {wing}
    return {other for other in others if FLOOR[other] >= FLOOR[wing]}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_wing_imports_only_from_lower_floors(path):
    assert upward(wing_of(path), path.read_text()) == set()


def test_an_import_upwards_or_sideways_is_seen():
    assert upward("flow", "def f():\n    from ukdlib.results import metrics\n") == {"results"}
    assert upward("videos", "from ukdlib import frames") == {"frames"}
    assert upward("knowledge", "import ukdlib.pretrained.start") == {"pretrained"}
    assert upward("results", "from ukdlib.knowledge.logits import read_logits\nimport numpy") == set()


def test_no_module_is_outside_the_wings():
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]
    assert (PACKAGE / "__init__.py").read_text() == ""
    assert set(WINGS) <= set(FLOOR)


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_has_a_short_docstring(wing):
    """A docstring of a few lines, and at most the names that outsiders need."""
    tree = ast.parse((PACKAGE / wing / "__init__.py").read_text())
    assert 3 <= len(ast.get_docstring(tree).splitlines()) <= 5
    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in tree.body)


def test_there_are_no_circular_imports():
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in MODULES}
    left = {
        name: with_packages(imported(path.read_text())) & set(names) - {name} for name, path in names.items()
    }
    while left:
        free = [name for name, used in left.items() if not used & set(left)]
        assert free, f"a circular import among {sorted(left)}"
        for name in free:
            del left[name]


def with_packages(names: set[str]) -> set[str]:
    """The names, and the modules that they are names in."""
    return names | {name.rpartition(".")[0] for name in names}


@pytest.mark.parametrize("path", sorted((PACKAGE / "settings").glob("*.py")), ids=lambda p: p.name)
def test_settings_need_the_standard_library_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "ukdlib"}


def test_what_every_parse_of_the_workflow_imports_is_light():
    """The rules' own imports from the library: no torch, no pandas, in every job on a cluster."""
    root = PACKAGE.parent
    rules = [*(root / "rules").glob("*.smk"), *(root / "rules/inputs").glob("*.smk")]
    text = "\n".join(path.read_text() for path in rules)
    imports = re.findall(r"^from ukdlib[^\n(]*(?:\([^)]*\))?", text, re.M)
    code = "\n".join([*imports, "import sys", "sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"])
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_library_does_not_know_the_workflow(path):
    text = path.read_text().lower()
    assert "snakemake" not in text and 'config.yaml")' not in text
