"""The workflow's rooms: a rule and its script share a name, every rule logs, and only scripts know the workflow."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from ukdlib.networks import NETWORKS

ROOT = Path(__file__).parents[2]
RULES = {
    name: body
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), re.M | re.S)
}
SCRIPTS = sorted((ROOT / "workflow_scripts").glob("*.py"))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_runs_the_script_of_its_name_and_carries_its_hash(name):
    assert f'"../workflow_scripts/{name}.py"' in RULES[name]
    assert f'code=code("{name}")' in RULES[name]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("directive", ["log:", "conda:", "resources:"])
def test_every_rule_says_what_it_needs_and_where_it_logs(name, directive):
    assert re.search(rf"^    {directive}", RULES[name], re.M)


def test_no_script_without_a_rule():
    assert {path.stem for path in SCRIPTS} == set(RULES)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_glue(path):
    text = path.read_text()
    assert text.startswith(f'"""Rule {path.stem}: ')
    assert "sys.stderr = open(snakemake.log[0]" in text
    assert len(text.splitlines()) <= 40 and not re.search(r"^(for|while) .*range", text, re.M)


def test_the_schema_knows_exactly_the_options_of_the_networks():
    schema = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
    stated = schema["properties"]["networks"]["additionalProperties"]["properties"]
    options = inspect.signature(NETWORKS["slowfast"]).parameters
    assert stated["arch"]["enum"] == sorted(NETWORKS)
    assert set(stated) - {"arch"} == set(options) - {"num_classes", "in_channels"}
    defaults = {name: value.default for name, value in options.items() if name != "frames"}
    for name in set(stated) - {"arch", "frames"}:
        default = stated[name]["default"]
        assert (tuple(default) if isinstance(default, list) else default) == defaults[name]
