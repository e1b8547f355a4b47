"""
Checks of the configuration that a JSON schema cannot express.

Every problem is one sentence: key, value, what is allowed. Only the standard library is used, because each
parse of the workflow imports this module. Shape, types and defaults are left to the schema, applied first.
"""

import re
from collections.abc import Callable, Iterator

from ukdlib.settings.config import LABEL_METHODS, in_yaml
from ukdlib.settings.data_checks import DATA_CHECKS, Parts, validation
from ukdlib.settings.knowledge_checks import KNOWLEDGE_CHECKS
from ukdlib.settings.weights_checks import WEIGHTS_CHECKS

BESIDE = {"benchmarks", "provenance", "weights"}  # folders of results/ beside those of the data sets
SECTIONS = (
    "datasets",
    "modalities",
    "networks",
    "weights",
    "recipes",
    "teachers",
    "fusions",
    "students",
    "tables",
)
ROLES = ("teachers", "fusions", "students")
# fast frames per slow one, if not stated
ALPHA = {"slowfast": 8, "slowfast_r50_4x16": 8, "slowfast_r50_8x8": 4}
REFERENCES = (  # entries of (section) name in (key) entries of (target)
    ("teachers", "network", "networks"),
    ("teachers", "modality", "modalities"),
    ("teachers", "recipe", "recipes"),
    ("teachers", "weights", "weights"),
    ("fusions", "teachers", "teachers"),
    ("students", "network", "networks"),
    ("students", "modality", "modalities"),
    ("students", "recipe", "recipes"),
    ("students", "weights", "weights"),
    ("students", "fusion", "fusions"),
)

Problems = Iterator[str]
Classes = dict[str, list[str]]  # data set -> names of its classes


def check_config(config: dict, classes: Classes | None = None, parts: Parts | None = None) -> None:
    """
    Raise ValueError with one line per problem of the configuration.

    classes, parts: from the lists of data sets, for checks that need them; without them these checks are lenient.
    Later checks rely on earlier ones, so only the problems of the first failing check are reported.
    """
    for check in CHECKS:
        problems = list(check(config))
        _raise_if_any(problems)
    _raise_if_any(
        [
            *validation(config, parts or {}),
            *_preferred_mass(config, classes or {}),
            *_unknown(config, classes or {}),
        ]
    )


def _names(config: dict) -> Problems:
    for section in SECTIONS:
        for name in config[section]:
            if not re.fullmatch("[a-z][a-z0-9_]*", name):
                yield f"{section} has an entry {name!r}; a name has a-z, 0-9 and _ and begins with a letter"
    if "video" in config["modalities"]:
        yield "modalities has an entry 'video'; this name is reserved for the video files"
    for name in sorted(BESIDE & config["datasets"].keys()):
        yield f"datasets has an entry {name!r}; results/{name} is for other files, so take another name"


def _references(config: dict) -> Problems:
    for section, key, target in REFERENCES:
        for name, entry in config[section].items():
            value = entry.get(key, [])
            for wanted in value if isinstance(value, list) else [value]:
                yield from _unless_known(config, f"{section}.{name}.{key}", wanted, target)
    for name, entry in config["modalities"].items():
        if entry["of"] != "video":
            yield from _unless_known(config, f"modalities.{name}.of", entry["of"], "modalities")


def _run(config: dict) -> Problems:
    dataset = config["run"]["dataset"]
    yield from _unless_known(config, "run.dataset", dataset, "datasets")
    for table in config["run"]["tables"]:
        yield from _unless_known(config, "run.tables", table, "tables")
    known = range(len(config["datasets"].get(dataset, {"splits": []})["splits"]))
    for split in config["run"]["splits"]:
        if known and split not in known:
            yield f"run.splits names {split}, but the splits of {dataset} are numbered {in_yaml(known)}"


def _recipes(config: dict) -> Problems:
    for name, entry in config["recipes"].items():
        low, high = entry["short_side"]
        if low > high:
            yield f"recipes.{name}.short_side is [{low}, {high}]; the smaller number comes first"
        micro = entry.get("micro_batch")
        if micro and entry["batch_size"] % micro:
            yield f"recipes.{name}.micro_batch is {micro}; it must divide batch_size, which is {entry['batch_size']}"
        if entry.get("gpus", 1) > entry["batch_size"]:
            yield f"recipes.{name}.gpus is {entry['gpus']}; they share batch_size, which is {entry['batch_size']}"
        for key, value in (("short_side", low), ("test_short_side", entry["test_short_side"])):
            if value < entry["crop"]:
                yield f"recipes.{name}.{key} has {value}; it is at least the crop, which is {entry['crop']}"


def _networks(config: dict) -> Problems:
    """Sizes of the pathways must divide, and a recipe's clips must be those its network was built for."""
    for name, entry in config["networks"].items():
        sizes = {"alpha": ALPHA[entry["arch"]], **entry} if entry["arch"] in ALPHA else {}
        for whole, part in (("frames", "alpha"), ("width", "beta")):
            if whole in sizes and part in sizes and sizes[whole] % sizes[part]:
                yield f"networks.{name}.{whole} is {sizes[whole]}; it must be a multiple of {part}, {sizes[part]}"
    for section in ("teachers", "students"):
        for name, entry in config[section].items():
            if "network" not in entry:
                continue
            network, recipe = config["networks"][entry["network"]], config["recipes"][entry["recipe"]]
            for key, unit in (("frames", "frames"), ("crop", "pixels")):
                taken, given = network.get(key), recipe.get(key)
                if taken != given and (taken is not None or key == "frames"):
                    yield (
                        f"{section}.{name}: network {entry['network']} takes {taken} {unit}, "
                        f"recipe {entry['recipe']} gives {given}; they must agree"
                    )


def _tables(config: dict) -> Problems:
    for name, table in config["tables"].items():
        rows = table["rows"]
        for label, row in rows.items():
            yield from _row(config, f"tables.{name}.rows[{label!r}]", row)
        for key in ("baseline", "paper"):
            labels = table.get(key) or []
            for label in [labels] if isinstance(labels, str) else labels:
                if label not in rows:
                    yield f"tables.{name}.{key} names {label!r}, which is not one of its rows: {in_yaml(rows)}"


def _cost_and_figures(config: dict) -> Problems:
    if "cost" in config:
        yield from _unless_known(config, "cost.student", config["cost"]["student"], "students")
    if "knowledge" in config:
        yield from _unless_known(config, "knowledge.student", config["knowledge"]["student"], "students")
    figures = config.get("figures", {"compare": {}, "weights": []})
    for label, row in figures["compare"].items():
        yield from _row(config, f"figures.compare[{label!r}]", row)
    for table in figures.get("sweeps", {}):
        yield from _unless_known(config, "figures.sweeps", table, "tables")
    for fusion in figures["weights"]:
        yield from _unless_known(config, "figures.weights", fusion, "fusions")
    for model, row in config.get("package", {}).get("models", {}).items():
        yield from _row(config, f"package.models.{model}", row)
        role, _, name = row.partition("/")
        if role == "fusions" or "logits" in config.get(role, {}).get(name, {}):
            yield f"package.models.{model} is {row!r}, which is no network; name a teacher or student that is trained"
    for teacher in config.get("publish", {}).get("teachers", []):
        yield from _unless_known(config, "publish.teachers", teacher, "teachers")
        if "logits" in config["teachers"].get(teacher, {}):
            yield f"publish.teachers names {teacher!r}, a file of logits, which has no weights; name networks"


def _row(config: dict, place: str, row: str) -> Problems:
    role, _, name = row.partition("/")
    if role not in ROLES:
        yield f"{place} is {row!r}; a row is ROLE/NAME with a role of {in_yaml(ROLES)}"
    elif name not in config[role]:
        yield from _unless_known(config, place, name, role)
    elif role == "fusions" and config["fusions"][name]["method"] in LABEL_METHODS:
        method = config["fusions"][name]["method"]
        yield (
            f"{place} tests {row!r}, whose method {method!r} weights teachers by the ground-truth label, a leak; "
            f"a fusion that is tested cannot use the methods {in_yaml(LABEL_METHODS)}"
        )


def _unknown(config: dict, classes: Classes) -> Problems:
    dataset = config["run"]["dataset"]
    known = classes.get(dataset, [])
    for name in config["datasets"][dataset].get("unknown", []):
        if known and name not in known:
            yield f"datasets.{dataset}.unknown names {name!r}, which is not one of its classes: {in_yaml(known)}"


def _preferred_mass(config: dict, classes: Classes) -> Problems:
    """h of Eq. 11 lies between 1/C (uniform) and 1 (the one-hot label, which is GTD)."""
    dataset = config["run"]["dataset"]
    count = len(classes.get(dataset, []))
    low, reason = (1 / count, f"1/C with the {count} classes of {dataset}") if count else (0, "0")
    for name, entry in config["fusions"].items():
        if "h" in entry and not low < entry["h"] < 1:
            yield f"fusions.{name}.h is {entry['h']}; it must lie between {reason} and 1, both excluded"


CHECKS: tuple[Callable[[dict], Problems], ...] = (
    _names,
    _references,
    _run,
    *DATA_CHECKS,
    _recipes,
    _networks,
    *WEIGHTS_CHECKS,
    *KNOWLEDGE_CHECKS,
    _tables,
    _cost_and_figures,
)


def _raise_if_any(problems: list[str]) -> None:
    if problems:
        raise ValueError("\n".join(f"config.yaml: {problem}" for problem in problems))


def _unless_known(config: dict, place: str, name: str, section: str) -> Problems:
    if name not in config[section]:
        yield f"{place} names {name!r}, which is not under {section}: {in_yaml(config[section])}"
