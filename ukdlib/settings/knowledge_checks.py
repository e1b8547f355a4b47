"""
Checks of the configuration's `fusions` and of students that learn from them; see ukdlib.settings.checks, which runs
them.

Whom a fusion may fuse, which views its members need, and what clips without labels allow.
"""

import re
from collections.abc import Callable, Iterator

from ukdlib.settings.config import LABEL_METHODS, in_yaml, recipe_of

Problems = Iterator[str]
VIEW_KEYS = (
    "frames",
    "stride",
    "crop",
    "short_side",
    "flip",
    "export_views",
)  # settings that determine a view
TEST_KEYS = ("test_clips", "test_crops")  # settings that determine the number of views of a test video


def _fusions(config: dict) -> Problems:
    for name, entry in config["fusions"].items():
        teachers = entry["teachers"]
        if not teachers:
            yield f"fusions.{name}.teachers is empty; it needs one or more of {in_yaml(config['teachers'])}"
        for teacher in sorted({teacher for teacher in teachers if teachers.count(teacher) > 1}):
            yield f"fusions.{name}.teachers names {teacher!r} more than once; name each teacher once"
        if entry["method"] == "single" and len(teachers) > 1:
            yield f"fusions.{name}.teachers is {in_yaml(teachers)}; method 'single' takes exactly one"
        if entry["method"] == "avg1" and entry.get("fuse_as") == "logits":
            yield f"fusions.{name}.fuse_as is 'logits'; 'avg1' is a mean of divergences, so take probabilities"
        for teacher in teachers if entry.get("out_of_fold") else []:
            if "logits" in config["teachers"][teacher] and not config["teachers"][teacher].get("unseen"):
                yield (
                    f"fusions.{name} is out_of_fold, but teachers.{teacher} is a file; declare with "
                    "`unseen: true` that it was not trained on the training videos"
                )


def _unlabelled(config: dict) -> Problems:
    """Clips without labels: there must be some, and a fusion that weights by labels needs a stand-in for them."""
    dataset = config["run"]["dataset"]
    rows = {row for table in config["run"]["tables"] for row in config["tables"][table]["rows"].values()}
    rows |= set(config.get("figures", {}).get("compare", {}).values())
    for name, entry in config["students"].items():
        if not entry.get("unlabelled") or f"students/{name}" not in rows:
            continue
        if "unlabelled" not in config["datasets"][dataset]:
            yield (
                f"students.{name}.unlabelled is {entry['unlabelled']}, "
                f"but datasets.{dataset}.unlabelled names no clips"
            )
        fusion = config["fusions"][entry["fusion"]]
        if fusion["method"] in LABEL_METHODS and not fusion.get("consensus"):
            yield (
                f"students.{name} learns from clips without labels, but fusions.{entry['fusion']} weights teachers by "
                f"labels (method {fusion['method']!r}); set its `consensus`, or use another method than "
                f"{in_yaml(LABEL_METHODS)}"
            )


def _views(config: dict) -> Problems:
    """Fused teachers need rows for the same views; the student replays targets per view on its own views."""
    tested = {row for table in config["tables"].values() for row in table["rows"].values()}
    for name, fusion in config["fusions"].items():
        replayed = fusion.get("target") == "view"
        students = [s for s, entry in config["students"].items() if replayed and entry.get("fusion") == name]
        users = [("teachers", t) for t in fusion["teachers"]] + [("students", s) for s in students]
        places = [(f"{role}.{user}", recipe_of(config, role, user)) for role, user in users]
        for place, recipe in places[1:]:
            keys = VIEW_KEYS if replayed else ("export_views",)
            for key in keys + TEST_KEYS * (f"fusions/{name}" in tested and place.startswith("teachers")):
                own, first = recipe.get(key), places[0][1].get(key)
                if own != first:
                    yield (
                        f"fusions.{name} needs the same views of all its members, but the recipe of {place} "
                        f"has {key} {own} and that of {places[0][0]} {first}"
                    )


def _names_that_state_tau(config: dict) -> Problems:
    taus = {("fusions", name): entry["tau"] for name, entry in config["fusions"].items()}
    taus |= {
        ("students", name): config["fusions"][entry["fusion"]]["tau"]
        for name, entry in config["students"].items()
        if "fusion" in entry
    }
    for (section, name), tau in taus.items():
        stated = re.search(r"_tau(\d+)$", name)
        if stated and int(stated[1]) != tau:
            yield f"{section}.{name} has tau {stated[1]} in its name, but its tau is {tau}"


KNOWLEDGE_CHECKS: tuple[Callable[[dict], Problems], ...] = (
    _fusions,
    _unlabelled,
    _views,
    _names_that_state_tau,
)
