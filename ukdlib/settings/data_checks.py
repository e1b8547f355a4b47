"""
Checks of the configuration's `datasets` and `modalities` sections; see ukdlib.settings.checks, which runs them.

The settings that a transform needs, and what it may be applied to.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from ukdlib.settings.config import chain_of, has_flow, has_frames, in_yaml

TRANSFORM_KEYS = {
    "none": (),
    "gamma": ("gamma",),
    "clahe": ("clip_limit", "tiles"),
    "retinex": ("sigmas",),
    "tvl1": ("preset", "bound"),
    "moving": (),
}
# keys that mean nothing without frames of its own, and what the schema makes of them if they are absent
WITHOUT_FRAMES = {"short_side": None, "codec": "raw", "mean": 0.45, "std": 0.225}
OPTIONAL_KEYS = {"tvl1": ("backend",)}  # with a default where it is used
WITHOUT_PRESET = ("dis",)  # backends of flow that are not TV-L1

Problems = Iterator[str]
# data set -> for each split, which of train, val, test, all its lists contain
Parts = dict[str, Sequence[Collection[str]]]


def _datasets(config: dict) -> Problems:
    for name, entry in config["datasets"].items():
        try:
            re.compile(entry.get("group", ""))
        except re.error as error:
            yield f"datasets.{name}.group is {entry['group']!r}, which is not a valid regular expression: {error}"
        for key, pair in entry.get("render", {}).get("camera", {}).items():
            if isinstance(pair, list) and pair != sorted(pair):
                yield f"datasets.{name}.render.camera.{key} is {pair}; the lowest value comes first"
        for number, split in enumerate(entry["splits"]):
            yield from _split(f"datasets.{name}.splits[{number}]", split)


def _split(place: str, split: dict) -> Problems:
    given = [key for key in ("train", "all", "test_share", "fold") if key in split]
    if given not in (
        [],
        ["train"],
        *(lists + [way] for lists in ([], ["all"]) for way in ("test_share", "fold")),
    ):
        yield (
            f"{place} has {in_yaml(split)}; it takes train and test, or one of test_share and fold, perhaps beside all"
        )
    if "fold" in split and split["fold"] >= split["of"]:
        yield f"{place}.fold is {split['fold']}; the last of {split['of']} folds is {split['of'] - 1}"


def validation(config: dict, parts: Parts) -> Problems:
    """
    A table of the validation clips needs some in each split of the run, listed or held out.

    A data set whose lists are not in `parts`, since not yet read, may have a column `subset` that lists some.
    """
    tables = [name for name in config["run"]["tables"] if config["tables"][name].get("subset") == "val"]
    dataset = config["run"]["dataset"]
    entry = config["datasets"][dataset]
    if not tables or entry.get("validation"):
        return
    listed = parts.get(dataset) or [_may_list(split, "list" in entry) for split in entry["splits"]]
    for number in config["run"]["splits"]:
        if "val" not in listed[number]:
            yield (
                f"tables.{tables[0]}.subset is 'val', but datasets.{dataset}.validation holds no videos out "
                f"and splits[{number}] lists none"
            )


def _may_list(split: dict, listing: bool) -> Collection[str]:
    """Parts that a split's lists may have, as far as the configuration shows."""
    own = any(key in split for key in ("train", "all", "test_share", "fold"))
    return ("val",) if listing and not own else split


def _modality_chains(config: dict) -> Problems:
    for name in config["modalities"]:
        chain = chain_of(config, name)
        source = config["modalities"][chain[-1]]["of"]
        if source != "video":
            yield f"modalities.{name}.of never reaches 'video': {' of '.join([*chain, source])}"


def _transforms(config: dict) -> Problems:
    every_key = {key for keys in (*TRANSFORM_KEYS.values(), *OPTIONAL_KEYS.values()) for key in keys}
    for name, entry in config["modalities"].items():
        transform = entry["transform"]
        if transform not in TRANSFORM_KEYS:
            yield f"modalities.{name}.transform is {transform!r}; known: {in_yaml(TRANSFORM_KEYS)}"
            continue
        needed, what = TRANSFORM_KEYS[transform], f"transform {transform!r}"
        if entry.get("backend") in WITHOUT_PRESET:
            needed = tuple(key for key in needed if key != "preset")
            what = f"backend {entry['backend']!r}"
        taken = (*needed, *OPTIONAL_KEYS.get(transform, ()))
        for key in needed:
            if key not in entry:
                yield f"modalities.{name} lacks {key!r}, which {what} needs"
        for key in sorted(every_key & entry.keys() - set(taken)):
            yield f"modalities.{name} sets {key!r}, but {what} takes {in_yaml(taken)}"


def _sources(config: dict) -> Problems:
    """Check what a transform is applied to: images that were never stored with loss."""
    for name, entry in config["modalities"].items():
        source, transform = entry["of"], entry["transform"]
        if source == "video":
            if transform in ("tvl1", "moving"):
                pictures = in_yaml(_pictures(config))
                yield f"modalities.{name} applies {transform!r} to 'video'; it takes frames of {pictures}"
        elif not has_frames(config, source):
            yield (
                f"modalities.{name} is of {source!r}, which has no frames of its own: `moving` is computed from those "
                f"of {config['modalities'][source]['of']!r} when a network sees them; use that"
            )
        elif transform == "none":
            yield f"modalities.{name} is {source!r} with transform 'none'; only 'video' can be used unchanged"
        elif has_flow(config, source):
            yield f"modalities.{name} applies {transform!r} to {source!r}, which is flow; it needs images"
        elif transform not in ("tvl1", "moving") and config["modalities"][source].get("codec") == "jpeg":
            yield (
                f"modalities.{name} applies {transform!r} to {source!r}, whose codec is 'jpeg'; "
                "a correction must come before any lossy step, so use codec 'raw' there"
            )


def _pictures(config: dict) -> list[str]:
    return [name for name in config["modalities"] if not has_flow(config, name) and has_frames(config, name)]


def _moving(config: dict) -> Problems:
    """What changes in a clip: nothing is stored of it, and one frame has no change."""
    moving = [name for name in config["modalities"] if not has_frames(config, name)]
    for name in moving:
        entry = config["modalities"][name]
        for key in [key for key, unset in WITHOUT_FRAMES.items() if entry.get(key, unset) != unset]:
            yield (
                f"modalities.{name} sets {key!r}, but `moving` has no frames of its own and is divided by each clip's "
                "own standard deviation"
            )
    for section in ("teachers", "students"):
        for name, entry in config[section].items():
            recipe = config["recipes"].get(entry.get("recipe"), {})
            if entry.get("modality") in moving and recipe.get("frames", 2) < 2:
                yield (
                    f"{section}.{name} sees {entry['modality']!r} in windows of one frame (recipes.{entry['recipe']}"
                    ".frames), in which nothing moves; take at least 2"
                )


DATA_CHECKS: tuple[Callable[[dict], Problems], ...] = (
    _datasets,
    _modality_chains,
    _transforms,
    _sources,
    _moving,
)
