"""The inputs of a teacher, student or fusion: input and params functions of the rules."""

import json
from functools import lru_cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from ukdlib.artifacts.provenance import own_code
from ukdlib.networks import family_of
from ukdlib.settings.config import (
    LABEL_METHODS,
    fetched_weights,
    has_flow,
    has_frames,
    recipe_of,
    stored_as,
    transforms_of,
)


def trained(wildcards):
    """The entry of a teacher, student or packaged model, whichever wildcard the rule has."""
    for role in ("teacher", "student"):
        if role in wildcards.keys():
            return config[f"{role}s"][wildcards[role]]
    if "model" in wildcards.keys():
        return entry_of(config["package"]["models"][wildcards.model])
    return config[wildcards.role][wildcards.name]


def trained_frames(wildcards):
    return frames_of(wildcards.dataset, stored_as(config, trained(wildcards)["modality"]))


def trained_network(wildcards):
    return config["networks"][trained(wildcards)["network"]]


def network_code(script):
    """Input function: hash of a script, and of the one family of networks that it builds."""
    return lambda wildcards: code(script, family_of(trained_network(wildcards)["arch"]))


def trained_source(wildcards):
    """The code of the user's own module that defines a network of `arch: module:function`, imports included."""
    imported, colon, _ = trained_network(wildcards)["arch"].partition(":")
    return own_code_of(imported) if colon else None


@lru_cache(None)
def own_code_of(imported):
    return own_code(imported, str(Path.cwd()))


def weights_path(wildcards):
    """The file that a training starts from, None for random weights."""
    entry = trained(wildcards)
    name = entry.get("weights")
    if name is None or name in fetched_weights(config):
        return name and f"results/weights/{name}"
    return config["weights"][name]["file"].format(
        network=entry["network"], modality=entry["modality"], **wildcards
    )


def trained_weights(wildcards):
    return made(weights_path(wildcards)) or watched(own_weights(wildcards))


def own_weights(wildcards):
    return own(weights_path(wildcards), f"config.yaml: weights.{trained(wildcards).get('weights')}.file")


def weights_setting(wildcards):
    """How to read that file, and which it is."""
    settings = config["weights"].get(trained(wildcards).get("weights"))
    if settings is None:
        return None
    return {
        **{key: settings[key] for key in ("note", "naming", "stem")},
        "seen": seen(own_weights(wildcards)),
    }


def recipe_named(name):
    """A recipe without the keys that change no result: GPUs that share a training, how clips are read."""
    recipe = config["recipes"][name]
    return {key: value for key, value in recipe.items() if key not in ("gpus", "workers", "cache")}


def config_of_results():
    """The configuration without what changes no result: such keys of recipes, trainings that share a GPU."""
    run = {key: value for key, value in config["run"].items() if key != "together"}
    return {**config, "run": run, "recipes": {name: recipe_named(name) for name in config["recipes"]}}


def trained_recipe(wildcards):
    return recipe_named(trained(wildcards)["recipe"])


def input_of(entry):
    """The input of a teacher's or student's network: {name, mean, std, flow, moving}."""
    modality = config["modalities"][entry["modality"]]
    return {
        "name": entry["modality"],
        "mean": modality["mean"],
        "std": modality["std"],
        "flow": has_flow(config, entry["modality"]),
        "moving": not has_frames(config, entry["modality"]),
    }


def trained_origin(wildcards):
    """The metadata of stored logits: role and name, subset, and how the frames were made."""
    return {
        "role": wildcards.get("role", "teachers"),
        "name": wildcards.get("name", wildcards.get("teacher")),
        "subset": wildcards.get("subset", "train"),
        "frames": trained_chain(wildcards),
    }


def unlabelled_origin(wildcards):
    return {**trained_origin(wildcards), "subset": "unlabelled"}


def listing_of(wildcards):
    """The file that lists the videos of wildcards.subset."""
    file = "unlabelled" if wildcards.subset == "unlabelled" else "subsets"
    return f"results/{wildcards.dataset}/split{wildcards.split}/{file}.parquet"


def trained_chain(wildcards):
    """How the frames were made: the entries of the modality and of all that it is made of, from the video on."""
    return json.dumps(transforms_of(config, trained(wildcards)["modality"]), sort_keys=True)


def expected_network(wildcards):
    """What a checkpoint must say of itself; the network is built from this, not from the file."""
    return {
        "network": trained_network(wildcards),
        "modality": trained_modality(wildcards),
        "frames": trained_chain(wildcards),
        "recipe": trained_recipe(wildcards),
        "classes": classes_of(wildcards),
        "seed": int(wildcards.seed),
    }


def trained_modality(wildcards):
    return input_of(trained(wildcards))


def fused_teachers(wildcards):
    """Logits of the teachers of one fusion; only the training subset may be weighted by its labels."""
    fusion = fusion_setting(wildcards)
    weighted = fusion["method"] in LABEL_METHODS
    if wildcards.subset == "unlabelled" and fusion["consensus"]:
        weighted = False
    if weighted and wildcards.subset != "train":
        raise WorkflowError(
            f"config.yaml: fusions.{wildcards.fusion} weights teachers by the ground-truth label (method "
            f"{fusion['method']!r}), a leak on the subset {wildcards.subset!r}; it can only fuse 'train'"
        )
    return [
        f"{RUN}/teachers/{teacher}/logits/{file}.parquet".format(**wildcards)
        for teacher in fusion["teachers"]
        for file in ["out_of_fold" if fusion["out_of_fold"] and teacher not in FOREIGN else wildcards.subset]
    ]


def fusion_setting(wildcards):
    """A fusion's entry; only the training subset has out-of-fold logits, all others are held out anyway."""
    fusion = config["fusions"][wildcards.fusion]
    return {**fusion, "out_of_fold": fusion["out_of_fold"] and wildcards.subset == "train"}


def foreign_path(wildcards):
    """The file of an external teacher; {dataset}, {split}, {seed} and {subset} in its path are filled in."""
    return config["teachers"][wildcards.teacher]["logits"].format(**wildcards)


def foreign_file(wildcards):
    return own(foreign_path(wildcards), f"config.yaml: teachers.{wildcards.teacher}.logits")


def foreign_views(wildcards):
    """The number of views of each video that the other teachers and their students use."""
    recipe = recipe_of(config, "teachers", wildcards.teacher)
    replayed = wildcards.subset in ("train", "unlabelled")
    return recipe["export_views"] if replayed else recipe["test_clips"] * recipe["test_crops"]


def student_target(wildcards, subset="train"):
    fusion = config["students"][wildcards.student]["fusion"]
    return f"{RUN}/fusions/{fusion}/logits/{subset}.parquet".format(**wildcards)


def unlabelled_frames(wildcards):
    modality = stored_as(config, trained(wildcards)["modality"])
    return frames_of(wildcards.dataset, modality, tuple(unlabelled_shards(wildcards.dataset)))


def if_unlabelled(paths):
    """Input function: these files, if the student learns from clips without labels."""
    return lambda wildcards: paths(wildcards) if trained(wildcards)["unlabelled"] else []


def admitted_clips(wildcards):
    return ["results/{dataset}/split{split}/unlabelled.parquet".format(**wildcards)]


def unlabelled_target(wildcards):
    return [student_target(wildcards, "unlabelled")]


def card_of_weights(wildcards):
    """The card of the published weights."""
    if "publish" not in config:
        raise WorkflowError(
            "config.yaml has no `publish`, so there are no weights to make; config/daylight.yaml has"
        )
    return rules.describe_weights.output
