"""The configuration's checks, wildcard constraints, and what all rules share; their input functions are in inputs/."""

from functools import lru_cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# some of these only for the rules, which share these names
from ukdlib.artifacts.provenance import code_hash
from ukdlib.machine.packages import import_first, untried
from ukdlib.settings.checks import check_config
from ukdlib.settings.config import any_of, foreign_names, settle_weights, transform_names
from ukdlib.settings.published import unlike_published
from ukdlib.settings.schema import explain, not_finite

ROOT = Path(workflow.basedir)
RUN = "results/{dataset}/split{split}/seed{seed}"

import_first(str(ROOT))  # jobs import the library beside the rules, as this file does

own_torch = workflow.deployment_settings.deployment_method  # jobs that bring an environment
if not own_torch and (sentence := untried()):
    raise WorkflowError(sentence)

schema = yaml.load((ROOT / "rules/schemas/config.schema.yaml").read_text(), yaml.CSafeLoader)
if problems := [*explain(Draft202012Validator(schema).iter_errors(config)), *not_finite(config)]:
    raise WorkflowError(*problems)
settle_weights(config)
validate(config, schema="schemas/config.schema.yaml")  # fills in the defaults


def check(**known):
    """Stop with the problems of the configuration, one sentence each; known: content of a data set's lists, once read."""
    try:
        check_config(config, **known)
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
    model=any_of(config["package"]["models"]),
    role="teachers|students|fusions",
    split="[0-9]+",
    seed="[0-9]+",
    shard="[0-9]+",
    fold="[0-9]+",
    subset="train|val|test|unknown",


@lru_cache(None)
def code(script, *by_name):
    """
    Hash of a script and of all it imports, modules imported by name included: watched by `rerun-triggers: params`
    instead of file times.
    """
    return code_hash(f"workflow_scripts/{script}.py", str(ROOT), by_name)


def as_is(text):
    """A param with text of the user, in which {a} is no wildcard."""
    return lambda wildcards: text


def growing(need, at_most=2):
    """
    A resource that grows with each attempt: an amount that was too small is not tried again.

    need: of the first attempt, a number or a function of the wildcards; at_most: times that. Twice, because a node
    must have the memory for an attempt that only lacked time, and twice 720 minutes is a day: many clusters run
    nothing longer, and trainings and flow resume where they stopped.
    """

    def requested(wildcards, attempt):
        return min(attempt, at_most) * (need(wildcards) if callable(need) else need)

    return requested


# ---------------------------------------------------------------- results in storage instead of on disk (docs/storage.md)


if workflow.storage_settings.default_storage_provider and not workflow.storage_settings.retrieve_storage:
    raise WorkflowError("--not-retrieve-storage: the scripts read files, not URLs; omit this option")


def on_disk(place, path):
    """A path from the user, refused if it is a URL: videos and lists are read while the workflow is planned."""
    if "://" in path:
        raise WorkflowError(
            f"{place}: {path!r} is a URL. Only results can be in storage; your own videos, lists, weights and "
            "logits must be files on a disk that every job sees (docs/storage.md)"
        )
    if path.startswith("~"):
        raise WorkflowError(f"{place}: {path!r} is not expanded here, only in a shell; write the full path")
    return path
