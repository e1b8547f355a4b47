"""
Whether a folder of results is what its records say: every file, every link of the chain from the videos to the report.

Digests reveal what was changed, exchanged, or left from another run. Who rewrites all records consistently is not
revealed here, only by computing again.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ukdlib.artifacts.lineage import FOLDER, Digest, differences, job_key, read_record, record_of

UNFINISHED = (".journal", ".part", ".left", "resume.pt")  # what killed jobs leave for the next run
OTHERS = (FOLDER, "results/benchmarks")  # folders of files without records
Record = dict[str, Any]


class Planned(NamedTuple):
    """What a configuration says of a job: its key and settings, and which results and files of the user it reads."""

    key: str
    settings: dict[str, Any]
    sources: Collection[str]
    files: Collection[str]


def audit(planned: Mapping[str, Planned], digest: Digest) -> tuple[list[str], int]:
    """
    (a sentence for each thing that is wrong below results/ in the working directory, number of files compared).

    planned: record -> all jobs that the report of this configuration rests on. Files of other jobs, such as those of
    earlier settings, must be what was written, too, but not what is planned. digest: the one of the records; it may
    raise ValueError for a damaged file. Opened are only files below results/ and those that are planned.
    """
    records, problems = _read_all()
    made: dict[str, tuple[str, str]] = {}
    for path, record in records.items():
        first = next(iter(record["outputs"]))
        if record_of(first) != path:
            problems.append(f"{path}: it is the record of {first}, in the wrong place")
        for name, content in record["outputs"].items():
            if name in made:
                problems.append(f"{name}: two records say what made it, {made[name][0]} and {path}")
            made.setdefault(name, (path, content))
    problems += [f"{path}: this record is missing" for path in planned if not os.path.lexists(path)]
    problems += _unplanned(records, planned)
    for path in planned.keys() & records.keys():
        problems += _exchanged(records[path], made, records)
        problems += _users_files(records[path], planned[path].files, digest)
    problems += [*_changed(made, digest), *_strays(made)]
    return problems, len(made)


def _read_all() -> tuple[dict[str, Record], list[str]]:
    """The records by path, and what is wrong with those that cannot be read."""
    records, problems = {}, []
    for path in sorted(map(str, Path(FOLDER).rglob("*"))):
        if os.path.isdir(path) and not os.path.islink(path):
            continue
        try:
            record = read_record(path)
            if record["key"] != _key(record):
                raise ValueError(f"{path}: its key is not that of its settings and inputs")
            records[path] = record
        except (OSError, ValueError) as error:
            problems.append(str(error) if path in str(error) else f"{path}: {error}")
    return records, problems


def _key(record: Record) -> str:
    made_from = {name: given["key"] for name, given in record["inputs"].items() if given["key"] is not None}
    return job_key(record["rule"], record["settings"], made_from)


def _unplanned(records: dict[str, Record], planned: Mapping[str, Planned]) -> list[str]:
    """Jobs with other settings than planned, and how many others follow from them."""
    problems, following = [], 0
    for path, job in planned.items():
        if path not in records or records[path]["key"] == job.key:
            continue
        record = records[path]
        changed = differences(record["settings"], job.settings)
        read = [name for name, given in record["inputs"].items() if given["key"] is not None]
        changed += [f"made from {name}" for name in read if name not in job.sources]
        if changed:
            first = next(iter(record["outputs"]))
            problems.append(
                f"{first}: {record['rule']} made it with other settings than the configuration states: "
                f"{', '.join(changed)} (Python {', '.join(record['versions'].get('Python', {}))})"
            )
        else:
            following += 1
    if following:
        problems.append(f"{following} further jobs read files that are not those of this configuration")
    return problems


def _exchanged(record: Record, made: dict[str, tuple[str, str]], records: dict[str, Record]) -> Iterator[str]:
    """What a job was made from that is not what is there now, by the records of both."""
    first = next(iter(record["outputs"]))
    for name, given in record["inputs"].items():
        if given["key"] is None:
            continue
        path, content = made.get(name, (None, None))
        if path is None:
            yield f"{first}: it was made from {name}, of which there is no record"
        elif content != given["digest"] or records[path]["key"] != given["key"]:
            yield f"{first}: it was made from another {name} than the one that is there"


def _changed(made: dict[str, tuple[str, str]], digest: Digest) -> Iterator[str]:
    """Files that are missing or are not what was written."""
    for name, (path, content) in made.items():
        if not os.path.lexists(name):
            yield f"{name}: it is missing; {path} says that it was written. Run the workflow with this name as target"
        else:
            yield from _differing(name, content, digest, f"its content is not what was written, by {path}")


def _users_files(record: Record, files: Collection[str], digest: Digest) -> Iterator[str]:
    """Videos and other files of the user that are not what was read; those that are not here are passed over."""
    for name, given in record["inputs"].items():
        if given["key"] is None and name in files and os.path.lexists(name):
            yield from _differing(
                name, given["digest"], digest, f"it has changed since {record['rule']} read it"
            )


def _differing(name: str, content: str, digest: Digest, sentence: str) -> Iterator[str]:
    """What is wrong with a file that should have this digest; only regular files are opened."""
    if not os.path.isfile(name):
        yield f"{name}: it is no file"
        return
    try:
        if digest(name) != content:
            yield f"{name}: {sentence}"
    except (OSError, ValueError) as error:
        yield str(error) if name in str(error) else f"{name}: {error}"


def _strays(made: Collection[str]) -> Iterator[str]:
    """Files of the results that are links, or without a record; folders may be links."""
    for folder, _, names in os.walk("results", followlinks=True):
        if any(folder == other or folder.startswith(f"{other}/") for other in OTHERS):
            continue
        for path in (f"{folder}/{name}" for name in sorted(names) if not name.endswith(UNFINISHED)):
            if os.path.islink(path):
                yield f"{path}: it is a link; results are files"
            if path not in made:
                yield f"{path}: no record says what made it"
