"""
What made each file: every rule above gets a record among its outputs (ukdlib.artifacts.lineage).

The key of a record is computed here, from the configuration alone. A file whose record has another key is made again,
whatever Snakemake remembers of it in .snakemake; a job refuses inputs whose records have other keys.

INPUT:   params and input of the rules
OUTPUT:  results/provenance/, with the path of each job's first file, and .json
"""

import os
from collections import namedtuple

from snakemake.io import apply_wildcards, strip_wildcard_constraints
from snakemake.iocontainers import InputFiles, Wildcards
from snakemake.output_index import OutputIndex

from ukdlib.artifacts.lineage import differences, job_key, read_record, record_of

MAKING = [stage for stage in workflow.rules if stage.output]
# the folder that has results/ in it: none, or where a storage plugin puts its copies
PLACE = str(workflow.get_rule("report").output[0]).removesuffix("results/report.html")
GIVEN = {stage.name: (list(stage.params._allitems()), list(stage.input)) for stage in MAKING}
PRODUCERS = OutputIndex(MAKING)

# sources: (path, record, key) of each input that is made; files: the user's inputs
Made = namedtuple("Made", "record key settings sources files")


def for_wildcards(item, wildcards):
    """A param or an input as a job gets it."""
    if callable(item):
        return item(wildcards)
    if isinstance(item, list):
        return [apply_wildcards(each, wildcards) if isinstance(each, str) else each for each in item]
    return apply_wildcards(str(item), wildcards) if isinstance(item, str) else item


def inputs_of(items, wildcards):
    """((path, record, key) of each input that the workflow makes, paths of the user's), each once."""
    paths = []
    for item in items:
        found = for_wildcards(item, wildcards)
        paths += [found] if isinstance(found, str) else found or []
    names = dict.fromkeys(str(path).removeprefix(PLACE) for path in paths)
    made = {name: making(name) for name in names if name.startswith("results/")}
    sources = [[name, job.record, job.key] for name, job in made.items() if job]
    return sources, [name for name in names if not made.get(name)]


@lru_cache(None)
def making(path):
    """The job that makes a file of the results; None if no rule does."""
    for stage in sorted(PRODUCERS.match_producers(PLACE + path), key=str):
        return made_by(stage.name, frozenset(stage.get_wildcards(PLACE + path).items()))
    return None


@lru_cache(None)
def made_by(name, given):
    """The job of a rule with these wildcards, as (wildcard, value)."""
    wildcards = Wildcards(fromdict=dict(given))
    params, items = GIVEN[name]
    settings = {key: for_wildcards(value, wildcards) for key, value in params}
    sources, files = inputs_of(items, wildcards)
    first = apply_wildcards(str(workflow.get_rule(name).output[0]), wildcards).removeprefix(PLACE)
    key = job_key(name, settings, {path: key for path, _, key in sources})
    return Made(record_of(first), key, settings, sources, files)


@lru_cache(None)
def recorded(path):
    """A record as it is on disk, None if there is none that can be read."""
    try:
        return read_record(path)
    except (OSError, ValueError):
        return None


@lru_cache(None)
def announce(name, changed):
    """Say once for all jobs of a rule why they run again."""
    logger.info(f"{name}: changed since the last run: {changed}")


def outdated(name, job):
    """Whether the files of a job are not those that are planned."""
    record = recorded(job.record)
    if record is None:
        return True
    if record["key"] != job.key:
        found = differences(record["settings"], job.settings)
        if found:
            announce(name, ", ".join("code" if each.startswith("code: ") else each for each in found))
        return True
    given = {path: entry["digest"] for path, entry in record["inputs"].items()}
    origins = [(path, recorded(source)) for path, source, _ in job.sources]
    return any(origin and origin["outputs"].get(path) != given.get(path) for path, origin in origins)


def make_again(name, job):
    """Have Snakemake run a job whose files exist but are not those that are planned."""
    if os.path.exists(job.record) and outdated(name, job):
        workflow.dag.forcefiles.add(job.record)


def disregard_dates(stage):
    """
    Have no job of a rule run because an input is newer.

    Who verifies has compared all files with their records, and wants nothing made that the dates of a copy suggest.
    """

    def undated(item):
        return lambda wildcards: ancient(for_wildcards(item, wildcards) or [])

    named, stage._input = list(stage.input._allitems()), InputFiles()
    for name, item in named:
        stage.set_input(**{name: undated(item)}) if name else stage.set_input(undated(item))


def add_record(stage):
    """Give a rule a record, and its jobs what they must know to check their inputs."""

    def job(wildcards):
        return made_by(stage.name, frozenset(wildcards.items()))

    def records(wildcards):
        """
        Of the inputs, if they must be fetched from a storage; on a disk they are found there.

        Who wants fewer triggers than `params` gets no new run here, but a refusal where a file is read.
        """
        if workflow.is_main_process and not PLACE and "params" in map(str, workflow.rerun_triggers):
            make_again(stage.name, job(wildcards))
        return [record for _, record, _ in job(wildcards).sources] if PLACE else []

    def lineage(wildcards, input):
        """Uses `input`, so that Snakemake does not compare it with the last run's: make_again does."""
        found = job(wildcards)
        return {"place": PLACE, "key": found.key, "record": found.record, "sources": found.sources}

    first = strip_wildcard_constraints(str(stage.output[0]).removeprefix(PLACE))
    stage.set_output(record=record_of(first))
    stage.set_input(records=records)
    stage.set_params(lineage=lineage)


def planned(targets):
    """Record -> all jobs that some files rest on, as the audit takes them."""
    jobs, todo = {}, list(targets)
    while todo:
        job = making(todo.pop())
        if job.record not in jobs:
            jobs[job.record] = job
            todo += [path for path, _, _ in job.sources]
    return jobs


def audited(wildcards):
    """What rule verify computes again; before that all of results/ is compared with its records."""
    if PLACE:
        logger.warning(
            "Results are in a storage: only samples are computed again. Audit a copy on a disk (docs/trust.md)"
        )
        return verified_files()
    from ukdlib.artifacts.audit import Planned, audit
    from ukdlib.frames.store import whole_fingerprint

    checked = {path for proof in verified_files() for path, _, _ in making(proof).sources}
    jobs = planned(["results/report.html", *checked])
    plan = {
        record: Planned(job.key, job.settings, {path for path, _, _ in job.sources}, job.files)
        for record, job in jobs.items()
    }
    problems, count = audit(plan, whole_fingerprint)
    if problems:
        raise WorkflowError(f"{len(problems)} things are wrong below results/:", *problems)
    logger.info(f"{count} files below results/ are what their records say")
    workflow.dag.forcefiles.update(verified_files())  # an earlier verification is only a file, too
    for stage in MAKING:
        disregard_dates(stage)
    return verified_files()


for stage in MAKING:
    add_record(stage)
