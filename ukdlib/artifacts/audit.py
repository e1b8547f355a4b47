"""
Whether a folder of results is what its records say: every file, every link of the chain from the videos to the report.

Digests reveal what was changed, exchanged, or left from another run. Who rewrites all records consistently is not
revealed here, only by computing again.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ukdlib.artifacts.lineage import FOLDER, Digest, job_key, read_record, record_of

UNFINISHED = (".journal", ".part", ".left", "resume.pt")  # what killed jobs leave for the next run
OTHERS = (FOLDER, "results/benchmarks")  # folders of files without records
PARTS = {"rule", "key", "settings", "versions", "inputs", "outputs"}
Record = dict[str, Any]


def audit(planned: Mapping[str, str], digest: Digest) -> tuple[list[str], int]:
    """
    (a sentence for each thing that is wrong below results/ in the working directory, number of files compared).

    planned: record -> key of all jobs that the report of this configuration rests on. Files of other jobs, such as
    those of earlier settings, must be what was written, too, but not what is planned. digest: the one of the records;
    it may raise ValueError for a damaged file.
    """
    records, problems = _read_all()
    made = {
        name: (path, content)
        for path, record in records.items()
        for name, content in record["outputs"].items()
    }
    for path, record in records.items():
        first = next(iter(record["outputs"]))
        if record_of(first) != path:
            problems.append(f"{path}: it is the record of {first}, in the wrong place")
        if path not in planned:
            continue
        if planned[path] != record["key"]:
            problems.append(
                f"{first}: {record['rule']} made it with other settings, code or sources than the configuration "
                f"states (its key is {record['key']}, expected was {planned[path]})"
            )
        problems += _exchanged(first, record, made, records)
    problems += _changed(made, digest) + _users_files(records, digest)
    problems += [f"{path}: no record says what made it" for path in _files() if path not in made]
    return problems, len(made)


def _read_all() -> tuple[dict[str, Record], list[str]]:
    """The records by path, and what is wrong with those that cannot be read."""
    records, problems = {}, []
    for path in sorted(map(str, Path(FOLDER).rglob("*.json"))):
        try:
            record = read_record(path)
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        if record.keys() != PARTS or not record["outputs"]:
            problems.append(f"{path}: not a record of a job: it has {', '.join(sorted(record))}")
        elif record["key"] != _key(record):
            problems.append(f"{path}: its key is not that of its settings and inputs")
        else:
            records[path] = record
    return records, problems


def _key(record: Record) -> str:
    made_from = {name: given["key"] for name, given in record["inputs"].items() if given["key"] is not None}
    return job_key(record["rule"], record["settings"], made_from)


def _exchanged(
    first: str, record: Record, made: dict[str, tuple[str, str]], records: dict[str, Record]
) -> Iterator[str]:
    """What a job was made from that is not what is there now, by the records of both."""
    for name, given in record["inputs"].items():
        if given["key"] is None:
            continue
        path, content = made.get(name, (None, None))
        if path is None:
            yield f"{first}: it was made from {name}, of which there is no record"
        elif content != given["digest"] or records[path]["key"] != given["key"]:
            yield f"{first}: it was made from another {name} than the one that is there"


def _changed(made: dict[str, tuple[str, str]], digest: Digest) -> list[str]:
    """Files that are missing or are not what was written."""
    problems = []
    for name, (path, content) in made.items():
        try:
            if digest(name) != content:
                problems.append(f"{name}: its content is not what was written, by {path}")
        except FileNotFoundError:
            problems.append(f"{name}: it is missing; {path} says that it was written")
        except (OSError, ValueError) as error:
            problems.append(str(error))
    return problems


def _users_files(records: dict[str, Record], digest: Digest) -> list[str]:
    """Videos and other files of the user that are not what was read; those that are not here are passed over."""
    read = {
        (name, given["digest"]): record["rule"]
        for record in records.values()
        for name, given in record["inputs"].items()
        if given["key"] is None and os.path.exists(name)
    }
    return [
        f"{name}: it has changed since {rule} read it"
        for (name, content), rule in read.items()
        if digest(name) != content
    ]


def _files() -> Iterator[str]:
    """Every file of the results that should have a record."""
    for folder, _, names in os.walk("results"):
        if any(folder == other or folder.startswith(f"{other}/") for other in OTHERS):
            continue
        yield from (f"{folder}/{name}" for name in sorted(names) if not name.endswith(UNFINISHED))
