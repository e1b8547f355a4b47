"""Shared by the tests of logit files: small files of synthetic teachers, and a way to run a workflow script."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq

from ukdlib.knowledge.logits import LogitRows, write_logits

CLASSES = ["Drink", "Jump", "Wave"]
SCRIPTS = Path(__file__).parents[3] / "workflow_scripts"


def make_rows(videos=5, views=2, seed=0, classes=CLASSES):
    """Rows of as many videos, sorted; another seed gives other logits of the same videos."""
    count = videos * views
    ids = np.repeat([f"Drink_{v:04d}" for v in range(videos)], views)
    values = np.random.default_rng(seed).normal(size=(count, len(classes))).astype(np.float32)
    labels = np.repeat(np.arange(videos) % len(classes), views)
    return LogitRows(ids, np.tile(np.arange(views), videos), labels, values, list(classes))


def store(path, rows, **metadata):
    write_logits(path, rows, metadata)
    return str(path)


def store_teachers(folder, count=3, **made):
    """(paths, rows) of some teachers of the same videos."""
    rows = [make_rows(seed=seed, **made) for seed in range(count)]
    return [store(folder / f"{k}.parquet", r) for k, r in enumerate(rows)], rows


def rewrite(path, change, **options):
    """Replace a file's table, as another tool would, without our checks."""
    footer = pq.read_metadata(path).metadata
    stated = {key: value for key, value in footer.items() if key != b"ARROW:schema"}
    pq.write_table(change(pq.read_table(path)).replace_schema_metadata(stated), path, **options)
    return path


def assert_same(rows, other):
    for name in ("video_ids", "views", "labels", "logits"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(other, name))
    assert rows.classes == other.classes


class Given(SimpleNamespace):
    """What a job is given by name, as far as scripts use it."""

    def __iter__(self):
        return (
            path for files in vars(self).values() for path in ([files] if isinstance(files, str) else files)
        )

    def items(self):
        return vars(self).items()


def run_script(name, monkeypatch, tmp_path, **settings):
    """Run a thin script as the workflow engine does, with the given settings."""
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # the script puts its log there
    record = f"{tmp_path}/results/provenance/{name}.json"
    lineage = {
        "place": f"{tmp_path}/",
        "record": record.removeprefix(f"{tmp_path}/"),
        "key": "0",
        "sources": [],
    }
    settings["params"] = Given(**vars(settings["params"]), lineage=lineage)
    settings["input"] = Given(**vars(settings["input"]))
    given = SimpleNamespace(log=[str(tmp_path / "log")], rule=name, **settings)
    runpy.run_path(str(SCRIPTS / f"{name}.py"), init_globals={"snakemake": given})
