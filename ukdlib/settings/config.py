"""
Look-ups in the configuration that the rules and its checks share. Standard library only: every parse imports it.
"""

import re
from collections.abc import Iterable

# as in ukdlib.knowledge.fusion, which needs numpy; a test keeps them equal
LABEL_METHODS = frozenset({"gtd", "pkd", "softmin_ce", "ca_mkd"})
NO_LABEL = -1  # class number of a clip without label, in all files


def any_of(names: Iterable[str]) -> str:
    """Regular expression that matches exactly these names, and nothing at all if there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def transform_names(config: dict, transform: str) -> list[str]:
    """Names of the modalities that `transform` makes."""
    return [name for name, entry in config["modalities"].items() if entry["transform"] == transform]


def has_flow(config: dict, modality: str) -> bool:
    """True if the modality or one it is made of is optical flow: two channels instead of three."""
    return any(config["modalities"][name]["transform"] == "tvl1" for name in chain_of(config, modality))


def has_frames(config: dict, modality: str) -> bool:
    """False if it is computed from another's stored frames when a network sees them."""
    return config["modalities"][modality]["transform"] != "moving"


def stored_as(config: dict, modality: str) -> str:
    """The modality whose stored frames a network of this one reads."""
    return modality if has_frames(config, modality) else config["modalities"][modality]["of"]


def transforms_of(config: dict, modality: str) -> list[dict]:
    """The entries that make a modality, from the video on."""
    return [dict(config["modalities"][name]) for name in reversed(chain_of(config, modality))]


def fetched_weights(config: dict) -> list[str]:
    """Names of the weights that are downloaded."""
    return [name for name, entry in config["weights"].items() if "file" not in entry]


def settle_weights(config: dict) -> None:
    """
    Take `weights` away, in place, where its entry is `random`: an overlay says so to begin with random weights.

    Names without an entry are left to the checks.
    """
    settled = {name for name, entry in config["weights"].items() if entry == "random"}
    for section in ("teachers", "students"):
        for entry in config[section].values():
            if entry.get("weights") in settled:
                del entry["weights"]
    for name in settled:
        del config["weights"][name]


def pretraining_of(config: dict, role: str, name: str) -> str:
    """What the network, or those of a fusion, started from: the notes of their weights."""
    if role == "fusions":
        notes = [pretraining_of(config, "teachers", teacher) for teacher in config[role][name]["teachers"]]
        return ", ".join(dict.fromkeys(notes))
    if "logits" in (entry := config[role][name]):
        return "unknown"
    return config["weights"][entry["weights"]]["note"] if "weights" in entry else "none"


def foreign_names(config: dict) -> list[str]:
    """Names of the external teachers: files of logits."""
    return [name for name, entry in config["teachers"].items() if "logits" in entry]


def recipe_of(config: dict, role: str, name: str) -> dict:
    """
    The recipe whose views a teacher's or student's logits are for.

    An external teacher has none of its own: it uses the views of another teacher in its fusion, or, if all
    of them are external, of a student that learns from the fusion.
    """
    if "recipe" in (entry := config[role][name]):
        return config["recipes"][entry["recipe"]]
    fusions = [fusion for fusion, other in config["fusions"].items() if name in other["teachers"]]
    beside = [config["teachers"][t] for fusion in fusions for t in config["fusions"][fusion]["teachers"]]
    learning = [student for student in config["students"].values() if student.get("fusion") in fusions]
    recipes = [other["recipe"] for other in [*beside, *learning] if "recipe" in other]
    return config["recipes"][recipes[0]] if recipes else next(iter(config["recipes"].values()))


def chain_of(config: dict, modality: str) -> list[str]:
    """The modality, its source, the source of that, and so on until `video` or the first repetition."""
    chain = [modality]
    while (source := config["modalities"][chain[-1]]["of"]) != "video" and source not in chain:
        chain.append(source)
    return chain


def in_yaml(names: Iterable) -> str:
    """Names as they would stand in YAML: [flow, rgb]."""
    return f"[{', '.join(str(name) for name in sorted(names))}]"
