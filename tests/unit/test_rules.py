"""Structure of the workflow: a rule and its script share a name, every rule logs, only scripts know the workflow."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from ukdlib.networks import FAMILIES, builder
from ukdlib.results.figures.catalogue import FIGURES
from ukdlib.settings.schema import explain, not_finite

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
    script = (ROOT / f"workflow_scripts/{name}.py").read_text()
    assert re.search(rf'code=(network_)?code\("{name}"', RULES[name])
    builds = re.search(r"\b(complete|trained_network|Setup|read_description)\(", script) is not None
    assert builds == ("family_of(" in RULES[name] or "network_code(" in RULES[name])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("directive", ["log:", "conda:", "resources:"])
def test_every_rule_states_its_needs_and_its_log(name, directive):
    assert re.search(rf"^    {directive}", RULES[name], re.M)


LOCAL = re.search(r"^localrules:\n((?:    \w+,\n)+)", (ROOT / "Snakefile").read_text(), re.M)[1].split(",")


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("need", ["mem_mb", "runtime"])
def test_a_rule_is_local_or_requests_more_with_each_attempt(name, need):
    assert (f" {need}=growing(" in RULES[name]) != (name in map(str.strip, LOCAL))


def test_the_rules_and_the_library_have_the_same_figures_each_with_a_caption():
    text = (ROOT / "rules/report.smk").read_text()
    named = re.findall(r'^    "(\w+)": ', re.search(r"^FIGURES = \{.*?^\}", text, re.M | re.S)[0], re.M)
    assert named == list(FIGURES)
    assert set(named) <= {path.stem for path in (ROOT / "rules/captions").glob("*.rst")}


def test_a_job_that_lacked_only_time_still_fits_its_node():
    text = (ROOT / "rules/common.smk").read_text()
    names: dict = {}
    exec(re.search(r"^def growing.*?(?=^\S)", text, re.M | re.S)[0], names)
    memory, minutes = names["growing"](lambda wildcards: 64000), names["growing"](120, at_most=4)
    assert [memory(None, attempt) for attempt in (1, 2, 3, 4)] == [64000, 128000, 128000, 128000]
    assert [minutes(None, attempt) for attempt in (1, 2, 3, 4)] == [120, 240, 360, 480]
    assert not any(re.search("mem_mb=growing.*at_most", body) for body in RULES.values())


def test_the_profile_of_a_cluster_repeats_that_of_one_machine():
    alone, cluster = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text()) for name in ("default", "slurm")
    )
    assert {key: cluster.get(key) for key in alone} == {**alone, "cores": None}


def test_no_script_without_a_rule():
    assert {path.stem for path in SCRIPTS} == set(RULES)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_glue(path):
    text = path.read_text()
    assert text.startswith(f'"""Rule {path.stem}: ')
    assert "sys.stderr = open(snakemake.log[0]" in text
    assert len(text.splitlines()) <= 40 and not re.search(r"^(for|while) .*range", text, re.M)


SCHEMA = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
NETWORK = SCHEMA["properties"]["networks"]["additionalProperties"]


def options_in_the_schema(arch):
    """The schema definition for entries of this arch."""
    for branch in NETWORK["else"]["allOf"]:
        stated = branch["if"]["properties"]["arch"]
        if arch in stated.get("enum", [stated.get("const")]):
            return SCHEMA["$defs"][branch["then"]["$ref"].rpartition("/")[2]]
    raise AssertionError(f"the schema does not contain {arch}")


def test_the_schema_knows_exactly_the_networks():
    assert NETWORK["else"]["properties"]["arch"]["enum"] == sorted(FAMILIES)
    assert len({id(options_in_the_schema(arch)) for arch in FAMILIES}) == len(FAMILIES) - 1  # SlowFast's two


@pytest.mark.parametrize("arch", FAMILIES)
def test_the_schema_knows_exactly_the_options_of_a_network(arch):
    stated = options_in_the_schema(arch)
    options = list(inspect.signature(builder(arch)).parameters.values())[2:]
    assert stated["additionalProperties"] is False
    assert set(stated["properties"]) - {"arch"} == {option.name for option in options}
    assert set(stated.get("required", [])) == {
        o.name for o in options if o.default is inspect.Parameter.empty
    }
    for option in options:
        default = stated["properties"][option.name].get("default", inspect.Parameter.empty)
        expected = inspect.Parameter.empty if option.default is None else option.default
        assert (tuple(default) if isinstance(default, list) else default) == expected, option.name


def network_problems(**entry):
    config = {"networks": {"net": entry}}
    schema = {"$defs": SCHEMA["$defs"], "properties": {"networks": SCHEMA["properties"]["networks"]}}
    return explain(Draft202012Validator(schema).iter_errors(config))


@pytest.mark.parametrize(
    "entry",
    [
        {"arch": "slowfast", "frames": 8, "depth": 18},
        {"arch": "nl_i3d_r101", "nonlocal_res4": [1, 3, 5]},
        {"arch": "torchvision", "model": "r3d_18", "frames": 8, "crop": 64},
        {"arch": "my_networks:vit", "frames": 16, "patch": 14, "anything": {"else": True}},
    ],
)
def test_the_schema_accepts(entry):
    assert network_problems(**entry) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"arch": "slowfest", "frames": 8}, "networks.net.arch is 'slowfest'; it must be one of ['csn', "),
        ({"arch": "slowfast"}, "networks.net lacks 'frames'"),
        ({"arch": "slowfast", "frames": 8, "depht": 18}, "networks.net has 'depht', which is unknown; known: [alpha, "),
        ({"arch": "tpn_r50", "alpha": 4}, "networks.net has 'alpha', which is unknown; known: [arch, dropout, frames]"),
        ({"arch": "torchvision", "frames": 8, "crop": 64, "model": "r4d"}, "networks.net.model is 'r4d'; it must be"),
        ({"arch": "my networks:vit", "frames": 16}, "networks.net.arch is 'my networks:vit'; it must match"),
        ({"arch": "my_networks:vit"}, "networks.net lacks 'frames'"),
        ({"frames": 8}, "networks.net lacks 'arch'"),
    ],
)  # fmt: skip
def test_the_schema_refuses_with_one_sentence(entry, message):
    assert network_problems(**entry)[0].startswith(f"config.yaml: {message}")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("random", None),
        ({"note": "n", "file": "a"}, None),
        (
            {"note": "n", "file": "a", "url": "https://a"},
            "weights.start has 'file' and 'url', perhaps one of them from",
        ),
        ({"note": "n"}, "weights.start lacks 'file'"),
        ("none", "weights.start is 'none'; it must be one of ['random']"),
    ],
)
def test_weights_have_one_source_or_are_random(entry, message):
    schema = {"$defs": SCHEMA["$defs"], "properties": {"weights": SCHEMA["properties"]["weights"]}}
    problems = explain(Draft202012Validator(schema).iter_errors({"weights": {"start": entry}}))
    assert problems == [] if message is None else problems[0].startswith(f"config.yaml: {message}")


def recipe_problems(**entry):
    schema = {"$defs": SCHEMA["$defs"], "properties": {"recipes": SCHEMA["properties"]["recipes"]}}
    whole = dict.fromkeys(SCHEMA["properties"]["recipes"]["additionalProperties"]["required"], 32)
    config = {"recipes": {"train": {**whole, "short_side": [32, 40], **entry}}}
    return [*explain(Draft202012Validator(schema).iter_errors(config)), *not_finite(config)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"lr": "1e-3"},
            "recipes.train.lr is the text '1e-3', not a number: YAML needs a point before the exponent",
        ),
        ({"lr": float("nan")}, "recipes.train.lr is nan; it must be a finite number"),
        ({"lr": float("inf")}, "recipes.train.lr is inf; it must be at most 1000"),
        ({"lr": 1e-30}, "recipes.train.lr is 1e-30; it must be at least 1e-09"),
        ({"weight_decay": 1e9}, "recipes.train.weight_decay is 1000000000.0; it must be at most 100"),
        ({"lr": "fast"}, "recipes.train.lr is 'fast'; it must be of type number"),
    ],
)
def test_numbers_are_bounded_and_finite(entry, message):
    assert recipe_problems() == [] and recipe_problems(**entry)[0].startswith(f"config.yaml: {message}")


def test_every_number_of_the_schema_has_bounds():
    """NaN passes any bound, so that is checked beside it; what is computed elsewhere has its own check."""
    free = []

    def look(node, place):
        if isinstance(node, dict):
            if node.get("type") in ("number", "integer"):
                low = {"minimum", "exclusiveMinimum"} & set(node)
                high = node["type"] == "integer" or {"maximum", "exclusiveMaximum"} & set(node)
                free.extend([] if low and high else [place])
            for key, value in node.items():
                look(value, f"{place}.{key}")
        elif isinstance(node, list):
            for value in node:
                look(value, place)

    look(SCHEMA, "")
    assert free == []
