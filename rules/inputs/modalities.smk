"""The frames of each modality and how they are made: input and params functions of the rules."""

from functools import lru_cache

from ukdlib.settings.config import chain_of, transforms_of
from ukdlib.settings.data_checks import TRANSFORM_KEYS


@lru_cache(None)
def frames_of(dataset, modality, shards=None):
    """The frame shards of one modality: by default of all labelled videos."""
    shards = range(config["datasets"][dataset]["shards"]) if shards is None else shards
    return expand(f"results/{dataset}/frames/{modality}/shard{{shard}}.arrow", shard=shards)


def source_frames(wildcards):
    """The same shard of the modality that this one is computed from."""
    source = config["modalities"][wildcards.modality]["of"]
    return f"results/{wildcards.dataset}/frames/{source}/shard{wildcards.shard}.arrow"


def modality_setting(key, absent=None):
    return lambda wildcards: config["modalities"][wildcards.modality].get(key, absent)


def transform_options(wildcards):
    """The settings of a modality's own transform, such as gamma."""
    entry = config["modalities"][wildcards.modality]
    return {key: entry[key] for key in TRANSFORM_KEYS[entry["transform"]]}


def flow_environment(wildcards):
    """Only one of flow's backends needs torch."""
    return f"../envs/{'torch' if modality_setting('backend')(wildcards) == 'torch' else 'video'}.yaml"


def bound_of(modality):
    """Largest flow that the codes of a modality hold, in pixels."""
    return next(entry["bound"] for entry in transforms_of(config, modality) if "bound" in entry)


def modalities_of_run():
    """
    The input modalities of this run's tables and the modalities they are computed from, sources first; and `dark`, which
    the gallery needs anyway: frames as filmed.

    Those that are computed as a network sees them are among them, too, though nothing is stored of them.
    """
    used = {"dark", *(entry_of(row)["modality"] for row in trained_rows().values())}
    needed = [name for name in config["modalities"] if any(name in chain_of(config, each) for each in used)]
    return sorted(needed, key=lambda name: (len(chain_of(config, name)), name))
