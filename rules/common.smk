"""Configuration checks, wildcard constraints and the input functions that all rules share."""

import os
from functools import lru_cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from ukdlib.annotations import locate, shard_of
from ukdlib.config import (
    LABEL_METHODS,
    any_of,
    chain_of,
    fetched_weights,
    foreign_names,
    has_flow,
    pretraining_of,
    recipe_of,
    transform_names,
    transforms_of,
)
from ukdlib.config_checks import TRANSFORM_KEYS, check_config
from ukdlib.datasets import TEST_SHARE, others_of, read_dataset, unlisted
from ukdlib.provenance import code_hash
from ukdlib.published import unlike_published
from ukdlib.schema import explain
from ukdlib.splits import groups_of

ROOT = Path(workflow.basedir)
RUN = "results/{dataset}/split{split}/seed{seed}"
DAY = 24 * 60  # minutes; many clusters run nothing longer, and trainings and flow go on where they stopped

schema = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
if problems := explain(Draft202012Validator(schema).iter_errors(config)):
    raise WorkflowError(*problems)
validate(config, schema="schemas/config.schema.yaml")  # fills in the defaults


def check(**known):
    """Stop with the problems of the configuration, one sentence each; known: class names of data sets, once read."""
    try:
        check_config(config, known)
    except ValueError as error:
        raise WorkflowError(str(error)) from None


check()
for sentence in unlike_published(config):
    logger.warning(f"config.yaml: {sentence}")
FOREIGN = foreign_names(config)


wildcard_constraints:
    dataset=any_of(config["datasets"]),
    modality=any_of(config["modalities"]),
    teacher=any_of(config["teachers"]),
    fusion=any_of(config["fusions"]),
    student=any_of(config["students"]),
    name=any_of([*config["teachers"], *config["fusions"], *config["students"]]),
    table=any_of(config["tables"]),
    role="teachers|students|fusions",
    split="[0-9]+",
    seed="[0-9]+",
    shard="[0-9]+",
    fold="[0-9]+",
    subset="train|val|test",


def code(script):
    """Content of a script and of all it imports: what `rerun-triggers: params` watches instead of file times."""
    return code_hash(f"workflow_scripts/{script}.py", str(ROOT))


def growing(need, at_most=None):
    """
    A resource that each attempt asks for once more: what was too little the first time is not tried again.

    need: of the first attempt, a number or a function of the wildcards.
    """

    def asked(wildcards, attempt):
        all_attempts = attempt * (need(wildcards) if callable(need) else need)
        return min(all_attempts, at_most or all_attempts)

    return asked


# ---------------------------------------------------------------- results in storage instead of on disk (docs/storage.md)


if workflow.storage_settings.default_storage_provider and not workflow.storage_settings.retrieve_storage:
    raise WorkflowError("--not-retrieve-storage: the scripts read files, not addresses; leave it out")


def on_disk(place, path):
    """A path that the user gave, if it is no address: videos and lists are read while the workflow is planned."""
    if "://" in path:
        raise WorkflowError(
            f"{place}: {path!r} is an address. Only results can lie in storage; videos, lists, weights and logits "
            "of your own must be files on a disk that every job sees (docs/storage.md)"
        )
    return path


# ---------------------------------------------------------------- data sets


@lru_cache(None)
def listed(dataset):
    """A data set as its lists or folders say, each read once: ukdlib.datasets.DataSet."""
    entry = config["datasets"][dataset]
    lists = entry["splits"], entry.get("classes")
    for key in ("videos", "list"):
        on_disk(f"config.yaml: datasets.{dataset}.{key}", entry.get(key, ""))
    try:
        read = read_dataset(entry["videos"], *lists, entry.get("list"), entry["links_out"])
        groups_of(list(read.videos), read.groups, entry.get("group"))  # each name must have one
        if "render" not in entry:
            missing = unlisted(entry["videos"], read, others_of(*lists), entry["links_out"])
            told = {path for path, _ in read.remarks}
            read.remarks.extend(remark for remark in missing if remark[0] not in told)
        return read
    except (OSError, ValueError) as error:
        raise WorkflowError(f"config.yaml: datasets.{dataset}: {error}") from None


check(**{config["run"]["dataset"]: listed(config["run"]["dataset"]).classes})  # h has to do with their number


@lru_cache(None)
def sharded(dataset):
    """The annotations of all lists, each video once, by shard."""
    shards = [[] for _ in range(config["datasets"][dataset]["shards"])]
    for video_id, annotation in sorted(listed(dataset).videos.items()):
        shards[shard_of(video_id, len(shards))].append(annotation)
    return shards


def classes_of(wildcards):
    return listed(wildcards.dataset).classes


def shard_annotations(wildcards):
    return [list(a) for a in sharded(wildcards.dataset)[int(wildcards.shard)]]


def shard_files(wildcards):
    """The video files of one shard that are there; what is missing is set aside."""
    entry = config["datasets"][wildcards.dataset]
    found = (locate(entry["videos"], a.path) for a in sharded(wildcards.dataset)[int(wildcards.shard)])
    return [path for path in found if path is not None]


def nameable(path):
    """Whether a file's name can be an input: braces are wildcards to Snakemake, line ends confuse it."""
    return path.isprintable() and not set("{}") & set(path)


def own(path, place="the video"):
    """A file of the user's as input, named at `place`: it stays where it is when results go to storage."""
    return path if path.startswith("results/") else local(on_disk(place, path))


def shard_sources(wildcards):
    """The video files of one shard that can be named, or the proof that they were rendered."""
    if "render" in config["datasets"][wildcards.dataset]:
        return [f"results/{wildcards.dataset}/rendered/shard{wildcards.shard}.csv"]
    return [own(path) for path in shard_files(wildcards) if nameable(path)]


def shard_unnameable(wildcards):
    """Of the others, whose times Snakemake does not watch: size and time, so that a change is seen all the same."""
    if "render" in config["datasets"][wildcards.dataset]:
        return []
    stats = [(path, os.stat(path)) for path in shard_files(wildcards) if not nameable(path)]
    return [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]


def split_members(wildcards):
    """Video ids by part (train and test, or all) of one split's lists."""
    split = listed(wildcards.dataset).splits[int(wildcards.split)]
    return {part: [a.video_id for a in annotations] for part, annotations in split.items()}


def split_groups(wildcards):
    """How the group of a video is known: {stated: by its list, pattern: that cuts it out of its name}."""
    read = listed(wildcards.dataset)
    return {"stated": read.groups, "pattern": config["datasets"][wildcards.dataset].get("group")}


def split_setting(wildcards):
    """What is held out for the test and for validation."""
    entry = config["datasets"][wildcards.dataset]
    split = entry["splits"][int(wildcards.split)]
    share = split.get("test_share", None if "fold" in split else TEST_SHARE)
    chosen = {"test_share": share, "fold": split.get("fold"), "of": split.get("of")}
    return {**chosen, "validation": entry["validation"], "seed": entry["seed"]}


def reading_setting(wildcards):
    """How videos are read, and what is too much."""
    entry = config["datasets"][wildcards.dataset]
    return {
        "fps": entry.get("fps"),
        "max_frames": entry["max_frames"],
        "max_megapixels": entry["max_megapixels"],
    }


def dataset_setting(key):
    return lambda wildcards: config["datasets"][wildcards.dataset][key]


def all_shards(path):
    """Input function: `path` for every shard of wildcards.dataset."""
    return lambda wildcards: expand(
        path, dataset=wildcards.dataset, shard=range(config["datasets"][wildcards.dataset]["shards"])
    )


def frames_of(dataset, modality):
    """All frame shards of one modality."""
    shards = range(config["datasets"][dataset]["shards"])
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


def flow_gpus(wildcards):
    """Only one of flow's backends computes on a GPU, if the run may have one."""
    return int(modality_setting("backend")(wildcards) == "torch" and config["run"]["device"] != "cpu")


def bound_of(modality):
    """Largest flow that the codes of a modality hold, in pixels."""
    return next(entry["bound"] for entry in transforms_of(config, modality) if "bound" in entry)


def modalities_of_run():
    """What the networks of this run's tables look at, and what that is made of, sources first."""
    used = {entry_of(row)["modality"] for row in trained_rows().values()}
    needed = [name for name in config["modalities"] if any(name in chain_of(config, each) for each in used)]
    return sorted(needed, key=lambda name: len(chain_of(config, name)))


# ---------------------------------------------------------------- whatever is trained


def trained(wildcards):
    """The entry of a teacher or student, whichever wildcard the rule has."""
    for role in ("teacher", "student"):
        if role in wildcards.keys():
            return config[f"{role}s"][wildcards[role]]
    return config[wildcards.role][wildcards.name]


def trained_frames(wildcards):
    return frames_of(wildcards.dataset, trained(wildcards)["modality"])


def trained_network(wildcards):
    return config["networks"][trained(wildcards)["network"]]


def trained_source(wildcards):
    """Content of the user's own module that a network of `arch: module:function` comes from."""
    imported, own, _ = trained_network(wildcards)["arch"].partition(":")
    file = Path(*imported.split(".")).with_suffix(".py")
    return code_hash(str(file), str(Path.cwd())) if own and file.is_file() else None


def trained_weights(wildcards):
    """The file that a training starts from, if not from random weights."""
    entry = trained(wildcards)
    name = entry.get("weights")
    if name is None:
        return []
    if name in fetched_weights(config):
        return f"results/weights/{name}"
    file = config["weights"][name]["file"].format(modality=entry["modality"], **wildcards)
    return own(file, f"config.yaml: weights.{name}.file")


def weights_setting(wildcards):
    """How to read that file."""
    settings = config["weights"].get(trained(wildcards).get("weights"))
    return settings and {key: settings[key] for key in ("note", "naming", "stem")}


def recipe_named(name):
    """A recipe without what changes no result: how many GPUs share a training."""
    return {key: value for key, value in config["recipes"][name].items() if key != "gpus"}


def trained_recipe(wildcards):
    return recipe_named(trained(wildcards)["recipe"])


def input_of(entry):
    """What the network of a teacher or student must know of its input: {name, mean, std, flow}."""
    modality = config["modalities"][entry["modality"]]
    return {
        "name": entry["modality"],
        "mean": modality["mean"],
        "std": modality["std"],
        "flow": has_flow(config, entry["modality"]),
    }


def trained_origin(wildcards):
    """What stored logits say of themselves: whose they are, of which subset, and how the frames were made."""
    return {
        "role": wildcards.get("role", "teachers"),
        "name": wildcards.get("name", wildcards.get("teacher")),
        "subset": wildcards.get("subset", "train"),
        "frames": str(transforms_of(config, trained(wildcards)["modality"])),
    }


def trained_modality(wildcards):
    return input_of(trained(wildcards))


def trained_threads(wildcards):
    """One for the network, one for each loader process."""
    return 1 + trained_recipe(wildcards)["workers"]


def gpus(wildcards):
    return 0 if config["run"]["device"] == "cpu" else 1


def training_processes(wildcards):
    """One for each GPU that the recipe asks for; as many without GPUs."""
    return config["recipes"][trained(wildcards)["recipe"]]["gpus"]


def training_gpus(wildcards):
    return gpus(wildcards) * training_processes(wildcards)


def training_threads(wildcards):
    return trained_threads(wildcards) * training_processes(wildcards)


def training_memory(wildcards):
    return 16000 * training_processes(wildcards)


def fused_teachers(wildcards):
    """Logits of the teachers of one fusion; only the training subset may be weighed by its labels."""
    fusion = fusion_setting(wildcards)
    if wildcards.subset != "train" and fusion["method"] in LABEL_METHODS:
        raise WorkflowError(
            f"config.yaml: fusions.{wildcards.fusion} weighs teachers by the true label (method "
            f"{fusion['method']!r}), a leak on the subset {wildcards.subset!r}; only 'train' can be fused so"
        )
    return [
        f"{RUN}/teachers/{teacher}/logits/{file}.parquet".format(**wildcards)
        for teacher in fusion["teachers"]
        for file in ["out_of_fold" if fusion["out_of_fold"] and teacher not in FOREIGN else wildcards.subset]
    ]


def fusion_setting(wildcards):
    """A fusion's entry; only the training subset has out-of-fold logits, all others are unseen anyway."""
    fusion = config["fusions"][wildcards.fusion]
    return {**fusion, "out_of_fold": fusion["out_of_fold"] and wildcards.subset == "train"}


def foreign_file(wildcards):
    """The file of a teacher made elsewhere; {dataset}, {split}, {seed} and {subset} in its path are filled in."""
    file = config["teachers"][wildcards.teacher]["logits"].format(**wildcards)
    return own(file, f"config.yaml: teachers.{wildcards.teacher}.logits")


def foreign_views(wildcards):
    """How many views of each video the teachers beside it and their students look at."""
    recipe = recipe_of(config, "teachers", wildcards.teacher)
    return (
        recipe["export_views"] if wildcards.subset == "train" else recipe["test_clips"] * recipe["test_crops"]
    )


def student_target(wildcards):
    fusion = config["students"][wildcards.student]["fusion"]
    return f"{RUN}/fusions/{fusion}/logits/train.parquet".format(**wildcards)


# ---------------------------------------------------------------- tables and figures


DATASET = config["run"]["dataset"]
NOTE = config["datasets"][DATASET]["note"]
FIRST_SUBSETS = f"results/{DATASET}/split{config['run']['splits'][0]}/subsets.parquet"
METRICS, LOGITS, HISTORY = "metrics/{subset}.json", "logits/{subset}.parquet", "history.csv"


def files_of(rows, file, subset="test", seeds=None):
    """Label -> this file of that row (role/name) for every split and seed, those of the run unless given."""
    run = config["run"]
    names = dict(dataset=run["dataset"], split=run["splits"], seed=seeds or run["seeds"], subset=subset)
    return {label: expand(f"{RUN}/{member}/{file}", **names) for label, member in rows.items()}


def every_file(rows, file, subset="test", seeds=None):
    """The same files in one list, row by row; ukdlib.grouping.by_row puts them under their labels again."""
    return sum(files_of(rows, file, subset, seeds).values(), [])


def table_rows(wildcards):
    """Row label -> role/name."""
    return config["tables"][wildcards.table]["rows"]


def table_trained(wildcards):
    """The rows that are trained here and have a history: label -> role/name."""
    return {label: row for label, row in table_rows(wildcards).items() if is_trained(row)}


def table_files(file, rows=table_rows):
    """Input function: `file` of every row, split and seed of a table, row by row."""

    def paths(wildcards):
        table = config["tables"][wildcards.table]
        return every_file(rows(wildcards), file, table["subset"], table.get("seeds"))

    return paths


def pretraining(wildcards):
    """Row label -> the notes of the weights that its networks started from."""
    return {
        label: pretraining_of(config, *row.split("/"))
        for label, row in config["tables"][wildcards.table]["rows"].items()
    }


def tested_tables():
    """The run's tables of test results over all its seeds."""
    tables = config["tables"]
    return [
        name
        for name in config["run"]["tables"]
        if tables[name]["subset"] == "test" and "seeds" not in tables[name]
    ]


def rows_of_run():
    """Every row of this run's tables of test results, each thing once under its first label: label -> role/name."""
    labels = {}
    for table in tested_tables():
        for label, member in config["tables"][table]["rows"].items():
            labels.setdefault(member, label)
    return {label: member for member, label in labels.items()}


def published():
    """The paper's number of each label of rows_of_run, where it gives one."""
    tables = [config["tables"][table] for table in tested_tables()]
    numbers = {
        table["rows"][label]: number for table in reversed(tables) for label, number in table["paper"].items()
    }
    return {label: numbers[member] for label, member in rows_of_run().items() if member in numbers}


def is_trained(row):
    """Whether role/name is a network that is trained here: no fusion, and no teacher from elsewhere."""
    role, name = Path(row).parts
    return role == "students" or (role == "teachers" and name not in FOREIGN)


def entry_of(row):
    """The entry of role/name."""
    role, name = Path(row).parts
    return config[role][name]


def trained_rows():
    return {label: row for label, row in rows_of_run().items() if is_trained(row)}


def figure(name):
    """A figure's file, marked for `snakemake --report`."""
    stem = name.split(".")[0]
    path = f"results/{config['run']['dataset']}/figures/{name}"
    return report(path, caption=f"captions/{stem}.rst", category="Figures", labels={"figure": stem})


def verified_files():
    """The proofs of all trained things of this run: training views of teachers, test views of table rows."""
    rows = dict.fromkeys(trained_rows().values())
    taught = [
        config["students"][name] for role, name in (Path(row).parts for row in rows) if role == "students"
    ]
    fusions = [config["fusions"][student["fusion"]] for student in taught]
    teachers = {name for fusion in fusions for name in fusion["teachers"]} - set(FOREIGN)
    proofs = [(f"teachers/{name}", "train") for name in sorted(teachers)] + [(row, "test") for row in rows]
    return [path for row, subset in proofs for path in every_file({row: row}, f"verified/{subset}.json")]
