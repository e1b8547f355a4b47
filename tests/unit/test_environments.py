"""One set of versions everywhere: what envs/*.yaml pin is what constraints.txt locks, and pyproject.toml allows it."""

import re
import tomllib
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
