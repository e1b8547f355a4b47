"""One set of versions everywhere: what envs/*.yaml pin is what constraints.txt locks, and pyproject.toml allows it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.without_torch import ABSENT

ROOT = Path(__file__).parents[2]


def name_of(requirement: str) -> str:
    return re.sub("[-_.]+", "-", Requirement(requirement).name).lower()


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    return {name_of(line): line.split("==")[1] for line in lines if line and not line.startswith("#")}


LOCK = pins("constraints.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES, EXTRAS = PROJECT["dependencies"], PROJECT["optional-dependencies"]


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_pin_of_an_environment_is_the_locks(path):
    *_, pip = yaml.safe_load(path.read_text())["dependencies"]
    for pin in pip["pip"]:
        assert pin == f"{Requirement(pin).name}=={LOCK[name_of(pin)]}"


@pytest.mark.parametrize(
    "requirement", [*DEPENDENCIES, *(each for extra in EXTRAS.values() for each in extra)]
)
def test_the_lock_satisfies_the_projects_requirements(requirement):
    if Requirement(requirement).name != "ukd":  # an extra that includes another
        assert Requirement(requirement).specifier.contains(LOCK[name_of(requirement)])


@pytest.mark.parametrize("requirement", DEPENDENCIES)
def test_the_lock_is_what_runs_here(requirement, pytestconfig):
    name = Requirement(requirement).name
    if name in ABSENT and pytestconfig.pluginmanager.has_plugin("tests.without_torch"):
        pytest.skip(f"this environment does without {name}")
    installed = version(name).split("+")[0]  # +cpu or not depends on the machine
    assert installed == LOCK[name_of(requirement)]


def test_the_locks_triton_is_the_one_that_torch_for_gpus_asks_for():
    """Another pin would leave no way to install torch for GPUs with these constraints."""
    pytest.importorskip("torch")
    asked = [Requirement(each) for each in requires("torch") or [] if name_of(each) == "triton"]
    if not asked:
        pytest.skip("this build of torch is for CPUs and asks for no Triton")
    assert all(each.specifier.contains(LOCK["triton"]) for each in asked)


# ---------------------------------------------------------------- what a rule's script imports is in its environment

DISTRIBUTION = {
    "cv2": "opencv-contrib-python-headless",
    "mannequin": "mannequin-x",
    "markupsafe": "jinja2",  # which brings it
    "yaml": "pyyaml",
}
FLOW_BACKENDS = {"numba": "tvl1_numba", "torch": "tvl1_torch", "opencv": "opencv", "dis": "opencv"}


def imported_at_once(path: Path) -> Iterator[str]:
    """Dotted names that a file imports when it is itself imported, not later in a function or for types only."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(name: str) -> list[Path]:
    """The modules of ukdlib that importing a dotted name runs."""
    parts = name.split(".")
    stems = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    return [
        file for stem in stems for file in (stem / "__init__.py", stem.with_suffix(".py")) if file.is_file()
    ]


def needed(*paths: Path) -> set[str]:
    """The distributions that these files and all that they import ask for."""
    todo, seen, found = list(paths), set(), set()
    while todo:
        seen.add(path := todo.pop())
        for name in imported_at_once(path):
            package = name.partition(".")[0]
            if package == "ukdlib":
                todo += set(files_of(name)) - seen
            elif package not in sys.stdlib_module_names:
                found.add(DISTRIBUTION.get(package, package))
    return found


def contained(environment: str) -> set[str]:
    *_, pip = yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"]
    return {name_of(pin) for pin in pip["pip"]}


RULE = re.compile(r'^rule (\w+):\n(?:(?!^rule ).*\n)*?    conda:\n        "../envs/(\w+)\.yaml"', re.M)
ENVIRONMENTS = {
    rule: environment
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for rule, environment in RULE.findall(path.read_text())
}


@pytest.mark.parametrize("rule", ENVIRONMENTS)
def test_a_rule_has_an_environment_with_what_its_script_imports(rule):
    assert needed(ROOT / f"workflow_scripts/{rule}.py") - contained(ENVIRONMENTS[rule]) == set()


@pytest.mark.parametrize("backend", FLOW_BACKENDS)
def test_flow_has_an_environment_with_what_its_backend_imports(backend):
    text = (ROOT / "rules/inputs/modalities.smk").read_text()
    names: dict = {"modality_setting": lambda key: lambda wildcards: {"backend": backend}[key]}
    exec(re.search(r"^def flow_environment.*?(?=^\S)", text, re.M | re.S)[0], names)
    environment = Path(names["flow_environment"](None)).stem
    solver = ROOT / f"ukdlib/flow/{FLOW_BACKENDS[backend]}.py"
    wanted = needed(ROOT / "workflow_scripts/compute_flow.py", solver)
    assert wanted - contained(environment) == set()
    assert ("torch" in wanted) == (backend == "torch") == (environment == "torch")
