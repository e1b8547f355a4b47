"""The content of a data set, its shards, splits and modalities: input and params functions of the rules."""

import os
import time
from functools import lru_cache

from snakemake.exceptions import WorkflowError

from ukdlib.artifacts.provenance import config_hash
from ukdlib.settings.config import NO_LABEL
from ukdlib.videos.annotations import locate, shard_of
from ukdlib.videos.corrections import read_corrections
from ukdlib.videos.datasets import TEST_SHARE, others_of, read_dataset, unlisted
from ukdlib.videos.split_checks import check_splits, group_warnings
from ukdlib.videos.splits import Held, groups_of
from ukdlib.videos.unlabelled import Unlabelled, read_unlabelled, refuse_labelled, unknown_groups


def held_out(dataset, number):
    """The test and validation sets that are held out in one split: ukdlib.videos.splits.Held."""
    entry = config["datasets"][dataset]
    split = entry["splits"][number]
    share = split.get("test_share", None if "fold" in split else TEST_SHARE)
    chosen = {"test_share": share, "fold": split.get("fold"), "of": split.get("of")}
    return {**chosen, "validation": entry["validation"], "seed": entry["seed"], "number": number}


def videos_folder(dataset):
    """The folder that paths of videos are relative to; videos that are rendered with other settings are in another."""
    entry = config["datasets"][dataset]
    if "render" not in entry:
        return entry["videos"]
    (height, width), fps, seed = (entry["render"][key] for key in ("size", "fps", "seed"))
    camera = f"_camera{config_hash(entry['render']['camera'])[:8]}" if "camera" in entry["render"] else ""
    return os.path.join(entry["videos"], f"{height}x{width}_{fps}fps_seed{seed}{camera}")


@lru_cache(None)
def unlabelled(dataset):
    """The clips without labels of a data set: ukdlib.videos.unlabelled.Unlabelled."""
    entry = config["datasets"][dataset]
    if "unlabelled" not in entry:
        return Unlabelled({}, {}, [])
    try:
        return read_unlabelled(videos_folder(dataset), entry["unlabelled"], entry["links_out"])
    except (OSError, ValueError) as error:
        raise WorkflowError(f"config.yaml: datasets.{dataset}: {error}") from None


@lru_cache(None)
def listed(dataset):
    """A data set from its lists or folders, each read once: ukdlib.videos.datasets.DataSet."""
    entry = config["datasets"][dataset]
    lists = entry["splits"], entry.get("classes")
    for key in ("videos", "list", "unlabelled"):
        on_disk(f"config.yaml: datasets.{dataset}.{key}", entry.get(key, ""))
    try:
        apart = {annotation.path for annotation in unlabelled(dataset).videos.values()}
        read = read_dataset(videos_folder(dataset), *lists, entry.get("list"), entry["links_out"], apart)
        refuse_labelled(unlabelled(dataset).videos.values(), read.videos.values())
        groups = groups_of(list(read.videos), read.groups, entry.get("group"))  # each name must have one
        check_splits(read, groups, [Held(**held_out(dataset, n)) for n in range(len(read.splits))])
        if "group" in entry and not read.groups:
            read.warnings.extend(group_warnings(read, groups))
        if "render" not in entry:
            others = [*others_of(*lists), *unlabelled(dataset).videos.values()]
            missing = unlisted(videos_folder(dataset), read, others, entry["links_out"])
            known = {path for path, _ in read.warnings}
            read.warnings.extend(warning for warning in missing if warning[0] not in known)
        return read
    except (OSError, ValueError) as error:
        raise WorkflowError(f"config.yaml: datasets.{dataset}: {error}") from None


# h depends on the number of classes, a table of validation clips on the parts that a split lists
check(
    classes={config["run"]["dataset"]: listed(config["run"]["dataset"]).classes},
    parts={config["run"]["dataset"]: listed(config["run"]["dataset"]).splits},
)


@lru_cache(None)
def sharded(dataset):
    """
    The annotations of all lists, each video once, by shard; then those of the clips without labels, in as many shards
    again: new footage changes no frames of labelled videos.
    """
    count = config["datasets"][dataset]["shards"]
    shards = [[] for _ in range(2 * count)]
    for first, videos in ((0, listed(dataset).videos), (count, unlabelled(dataset).videos)):
        for video_id, annotation in sorted(videos.items()):
            shards[first + shard_of(video_id, count)].append(annotation)
    return shards


def unlabelled_shards(dataset):
    """Numbers of the shards that have clips without labels."""
    if not unlabelled(dataset).videos:
        raise WorkflowError(f"config.yaml: datasets.{dataset}.unlabelled names no clips")
    count = config["datasets"][dataset]["shards"]
    return [shard for shard in range(count, 2 * count) if sharded(dataset)[shard]]


def classes_of(wildcards):
    return listed(wildcards.dataset).classes


def shard_videos(wildcards):
    """(name, path) of one shard's videos; a changed label does not affect their frames."""
    return [[a.video_id, a.path] for a in sharded(wildcards.dataset)[int(wildcards.shard)]]


def labels_of(wildcards):
    return {video_id: annotation.label for video_id, annotation in listed(wildcards.dataset).videos.items()}


def no_labels(wildcards):
    return dict.fromkeys(unlabelled(wildcards.dataset).videos, NO_LABEL)


def unlabelled_warnings(wildcards):
    """Warnings about the clips without labels: files that were skipped, groups that nobody knows."""
    read, pattern = unlabelled(wildcards.dataset), config["datasets"][wildcards.dataset].get("group")
    grouped = bool(pattern or listed(wildcards.dataset).groups)
    return [list(warning) for warning in [*read.warnings, *unknown_groups(read, pattern, grouped)]]


def shard_files(wildcards):
    """The existing video files of one shard; missing ones are rejected later."""
    return located(wildcards.dataset, int(wildcards.shard))


@lru_cache(None)
def located(dataset, shard):
    folder = videos_folder(dataset)
    found = (locate(folder, annotation.path) for annotation in sharded(dataset)[shard])
    return [path for path in found if path is not None]


def made(path):
    """A file as input, if the workflow makes it; refused if it is where results are, but no rule makes it."""
    if not path or not os.path.normpath(path).startswith("results/"):
        return []
    if making(os.path.normpath(path)) is None:
        raise WorkflowError(f"{path!r} is below results/, but no rule makes it; put your own files elsewhere")
    return os.path.normpath(path)


def watched(path):
    """
    A user's file as input, besides `seen`; it stays where it is when results go to storage.

    Not if its date is still to come, as of a camera whose clock is ahead: Snakemake refuses results that are older than
    an input. Not if its name cannot be one: {a} and <a> are variables for Snakemake, line ends confuse it.
    """
    nameable = path is not None and path.isprintable() and not set("{}<>") & set(path)
    if not nameable or not os.path.isfile(path) or os.stat(path).st_mtime > time.time():
        return []
    return local(os.path.normpath(path))


def own(path, place):
    """A user's file as param, given under the key `place`: it must exist. None if the workflow makes it."""
    if path is None or made(path):
        return None
    if not os.path.isfile(on_disk(place, path)):
        raise WorkflowError(f"{place}: {path!r} does not exist")
    return os.path.normpath(path)


def seen(path):
    """Size and time of a user's file: replaced by another, older or newer, it is read again."""
    if path is None:
        return None
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns]


def shard_sources(wildcards):
    """The video files of one shard, or the manifest of the rendered ones."""
    if "render" in config["datasets"][wildcards.dataset]:
        return [f"results/{wildcards.dataset}/rendered/shard{wildcards.shard}.csv"]
    return [file for path in shard_files(wildcards) if (file := watched(path))]


def shard_seen(wildcards):
    """Size and time of each video file of a shard."""
    if "render" in config["datasets"][wildcards.dataset]:
        return []
    return [seen(path) for path in shard_files(wildcards)]


def split_members(wildcards):
    """Video ids by part (train and test, or all) of one split's lists."""
    split = listed(wildcards.dataset).splits[int(wildcards.split)]
    return {part: [a.video_id for a in annotations] for part, annotations in split.items()}


@lru_cache(None)
def corrections(dataset, split):
    """Video -> class number in place of the listed one, in one split. Only split_videos asks: no frames depend on labels."""
    place = f"config.yaml: datasets.{dataset}.corrections"
    path = config["datasets"][dataset].get("corrections")
    if path is None:
        return {}
    try:
        path = on_disk(place, path.format(dataset=dataset, split=split))
        return read_corrections(path, listed(dataset).classes, listed(dataset).videos)
    except (OSError, ValueError) as error:
        raise WorkflowError(f"{place}: {error}") from None


def split_corrections(wildcards):
    return corrections(wildcards.dataset, wildcards.split)


def split_groups(wildcards):
    """Where the group of a video is from: {stated: by its list, pattern: that extracts it from its name}."""
    read = listed(wildcards.dataset)
    return {"stated": read.groups, "pattern": config["datasets"][wildcards.dataset].get("group")}


def split_setting(wildcards):
    return held_out(wildcards.dataset, int(wildcards.split))


def reading_setting(wildcards):
    """How videos are read, and upper limits."""
    entry = config["datasets"][wildcards.dataset]
    return {
        "fps": entry.get("fps"),
        "max_frames": entry["max_frames"],
        "max_megapixels": entry["max_megapixels"],
    }


def frame_memory(wildcards):
    """MB for a few of the largest frames that are read, with 16 bits, and for a part of a shard (benchmarks/memory.py)."""
    return round(1000 + 100 * config["datasets"][wildcards.dataset]["max_megapixels"])


def dataset_setting(key):
    return lambda wildcards: config["datasets"][wildcards.dataset][key]


def all_shards(path):
    """Input function: `path` for every shard of wildcards.dataset."""
    return lambda wildcards: expand(
        path, dataset=wildcards.dataset, shard=range(config["datasets"][wildcards.dataset]["shards"])
    )
