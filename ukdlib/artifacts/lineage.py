"""
What made each file of the results: a record of every job, a sealed JSON file below results/provenance/.

A record states the rule, its settings with the hash of its code, the versions of the packages used up to there, and
the digests of what went in and came out. Its key identifies rule, settings and, through their keys, all that the
inputs were made from. Whoever plans a job computes that key from the configuration; files whose record has another
one are of another configuration, and whoever reads them refuses them. Data files themselves hold results only, so
the same results have the same bytes whatever made them.
"""

import json
import os
import platform
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ukdlib.artifacts.provenance import config_hash
from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.artifacts.sealing import damaged, sha256

FOLDER = "results/provenance"
PACKAGES = {  # by the module that is imported: whose versions may change results
    "torch": "torch",
    "torchvision": "torchvision",
    "pytorchvideo": "pytorchvideo",
    "transformers": "transformers",
    "numpy": "numpy",
    "numba": "numba",
    "cv2": "opencv-contrib-python-headless",
    "av": "av",
    "pyarrow": "pyarrow",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
}
SHOWN = 60  # characters of a changed setting that are shown
PARTS = {"rule", "key", "settings", "versions", "inputs", "outputs"}
Versions = dict[str, dict[str, list[str]]]  # package -> version -> rules that used it
Digest = Callable[[str], str]


def record_of(path: str) -> str:
    """The record of a job, by the first file that it makes: results/a/b.csv -> results/provenance/a/b.csv.json."""
    return f"{FOLDER}/{path.removeprefix('results/')}.json"


def job_key(rule: str, settings: Mapping[str, Any], made_from: Mapping[str, str | None]) -> str:
    """12 hex digits over a rule, its settings (JSON values) and the keys of its inputs; None: a file of the user."""
    return config_hash({"rule": rule, "settings": settings, "made_from": made_from})


def read_record(path: str) -> dict[str, Any]:
    """
    Rule, key, settings, versions, inputs (path -> key, digest) and outputs (path -> digest) of a job.

    Raises ValueError if the file is anything else; outputs are below results/, and nothing else is opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"{path}: not a record of a job: it is no file")
    try:
        record = read_json(path)
        _check_shape(record)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: not a record of a job: {type(error).__name__} {error}") from None
    return record


def _check_shape(record: dict[str, Any]) -> None:
    """KeyError, TypeError or AttributeError if a record is not built as Job.finish builds it."""
    if record.keys() != PARTS or not record["outputs"]:
        raise KeyError(f"it has {', '.join(sorted(record))}")
    texts = [record["rule"], record["key"], *record["outputs"].values()]
    texts += [given["digest"] for given in record["inputs"].values()]
    texts += [given["key"] or "" for given in record["inputs"].values()]
    texts += [rule for numbers in record["versions"].values() for rules in numbers.values() for rule in rules]
    if not all(isinstance(text, str) for text in texts) or not isinstance(record["settings"], dict):
        raise TypeError("a value is no text")
    for name in record["outputs"]:
        if os.path.normpath(name) != name or not name.startswith("results/"):
            raise KeyError(f"{name!r} is not below results/")


def differences(before: Any, now: Any) -> list[str]:
    """
    Where settings differ from those of a record, as in "options.gamma: 3.0 -> 1.5"; of long values the name.

    before: as read from its JSON; now: as a job gets them, tuples and all.
    """
    return _differences(before, json.loads(json.dumps(now)), "")


def _differences(before: Any, now: Any, name: str) -> list[str]:
    if before == now:
        return []
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(before.keys() | now.keys())
        each = (_differences(before.get(key), now.get(key), f"{name}.{key}".lstrip(".")) for key in keys)
        return [phrase for phrases in each for phrase in phrases]
    texts = [str(value) for value in (before, now)]
    return [f"{name}: {' -> '.join(texts)}" if len("".join(texts)) <= SHOWN else name]


@dataclass(frozen=True)
class Job:
    """One that has begun: what it is, and what it was given."""

    rule: str
    settings: dict[str, Any]
    lineage: dict[str, Any]
    inputs: dict[str, dict[str, str | None]]
    versions: Versions
    digest: Digest

    def finish(self, outputs: Iterable[str]) -> None:
        """Write the record, last of all that the job writes."""
        place, record = self.lineage["place"], self.lineage["record"]
        made = [path for path in map(str, outputs) if path != place + record]
        content = {
            "rule": self.rule,
            "key": self.lineage["key"],
            "settings": self.settings,
            "versions": merged([self.versions, _versions(self.rule)]),
            "inputs": self.inputs,
            "outputs": {path.removeprefix(place): self.digest(path) for path in made},
        }
        Path(place + record).parent.mkdir(parents=True, exist_ok=True)
        write_json(place + record, content)


def begin(rule: str, params: Mapping[str, Any], inputs: Iterable[str], digest: Digest = sha256) -> Job:
    """
    A job with its inputs, each compared with what the run plans and with what its record says.

    params: the settings and, under `lineage`, what the workflow knows: place (where results/ is), key, record, sources
    (path, record, key of each input that the workflow makes). Raises ValueError, with the path of the file, if an
    input has no record, was made in another way, or has changed since.
    """
    settings = dict(params.items())
    lineage = settings.pop("lineage")
    sources = {path: (record, key) for path, record, key in lineage["sources"]}
    found, versions = {}, []
    for path in dict.fromkeys(map(str, inputs)):
        name = path.removeprefix(lineage["place"])
        if name.startswith(f"{FOLDER}/"):
            continue
        content = digest(path)
        if name in sources:
            record = _checked(path, name, content, *sources[name], lineage["place"])
            versions.append(record["versions"])
        found[name] = {"key": sources.get(name, (None, None))[1], "digest": content}
    return Job(rule, settings, lineage, found, merged(versions), digest)


def merged(versions: Sequence[Versions]) -> Versions:
    """Which rules used which version of a package."""
    together: dict[str, dict[str, set[str]]] = {}
    for each in versions:
        for package, by_number in each.items():
            for number, rules in by_number.items():
                together.setdefault(package, {}).setdefault(number, set()).update(rules)
    return {
        package: {number: sorted(rules) for number, rules in sorted(by_number.items())}
        for package, by_number in sorted(together.items())
    }


def _checked(path: str, name: str, content: str, record_path: str, key: str, place: str) -> dict[str, Any]:
    """The record of an input, if the input is what the record says and the record what is planned."""
    try:
        record = read_record(place + record_path)
    except FileNotFoundError:
        raise damaged(path, f"nothing says what made it, for {record_path} is missing") from None
    if record["key"] != key:
        raise ValueError(
            f"{path}: {record['rule']} made it with other settings, code or sources than this run plans (its key is "
            f"{record['key']}, expected was {key}). Does another run write the same results? End it and run again"
        )
    if record["outputs"].get(name) != content:
        raise damaged(path, f"its content is not what {record['rule']} wrote")
    return record


def _versions(rule: str) -> Versions:
    """Of this process: Python, the system, and the packages that have been imported."""
    found = {"Python": platform.python_version(), "system": f"{platform.system()}, {platform.machine()}"}
    for module, package in PACKAGES.items():
        if module in sys.modules:
            try:
                found[package] = version(package)
            except PackageNotFoundError:  # the same module from another package
                found[package] = str(getattr(sys.modules[module], "__version__", "unknown"))
    return {package: {number: [rule]} for package, number in found.items()}
