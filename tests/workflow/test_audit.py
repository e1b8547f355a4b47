"""
Forty-seven ways of tampering with a finished run: rule verify finds each and names the file.

Most are tried on the library's audit, with what the untouched folder plans; some, all at once, as a user would.
"""

import contextlib
import functools
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.workflow.conftest import TINY
from ukdlib.artifacts.audit import Planned, audit
from ukdlib.artifacts.lineage import read_record, record_of
from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.frames.store import open_shards, whole_fingerprint
from ukdlib.frames.writing import write_shard
from ukdlib.knowledge.logits import read_logits, write_logits
from ukdlib.videos.records import read_records, write_records

DATA = "results/darkroom"
RUN = f"{DATA}/split0/seed0"
CLIPS, SUBSETS = f"{DATA}/clips.parquet", f"{DATA}/split0/subsets.parquet"
FRAMES = f"{DATA}/frames/rgb/shard0.arrow"
RGB, FLOW, STUDENT = f"{RUN}/teachers/rgb", f"{RUN}/teachers/flow", f"{RUN}/students/rgb_ukd"


def flip(path):
    """A bit of the last byte."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def flip_frame(path):
    """A bit in the middle of the pixels."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other(name):
    """Another file of the run in its place."""

    def apply(path):
        shutil.copyfile(root_of(path) / name, path)

    return apply


def root_of(path):
    """The working copy that a file of the results is in."""
    return next(parent.parent for parent in path.parents if parent.name == "results")


def records(change):
    """Change rows of a Parquet file and seal it again."""

    def apply(path):
        write_records(path, change(read_records(path)))

    return apply


def logits(change):
    """Change stored logits and seal them again."""

    def apply(path):
        rows = read_logits(path)
        write_logits(path, change(rows))

    return apply


def text(old, new):
    """Other characters in a text."""

    def apply(path):
        content = path.read_text()
        assert old in content, path
        path.write_text(content.replace(old, new, 1))

    return apply


def written(content):
    """Another text."""
    return lambda path: path.write_text(content)


def sealed(key, value):
    """Another value in a JSON file, sealed again."""

    def apply(path):
        write_json(path, {**read_json(path), key: value})

    return apply


def older(path):
    """An older file of the same size: the content of another time."""
    time = path.stat().st_mtime_ns
    flip(path)
    os.utime(path, ns=(time, time))


def darker(path):
    """The frames of a shard, each a level darker, written as a shard is written."""
    store = open_shards([str(path)])
    made = {video: store.video(video) // 2 for video in store.video_ids}
    write_shard(str(path), list(made), made.__getitem__)


def with_record(other):
    """A file and its record from another place, as if another run had made it."""

    def apply(path):
        folder = root_of(path)
        name = str(path.relative_to(folder))
        shutil.copyfile(folder / other, path)
        content = read_json(folder / record_of(other))
        outputs = {name: content["outputs"].pop(other)}
        write_json(folder / record_of(name), {**content, "outputs": outputs})

    return apply


def of_record(change):
    """Change a record and seal it again."""

    def apply(path):
        record = root_of(path) / record_of(str(path.relative_to(root_of(path))))
        content = read_json(record)
        change(content)
        write_json(record, content)

    return apply


def labels_as_predicted(rows):
    return replace(rows, labels=rows.logits.argmax(axis=1))


def rows_missing(rows):
    return rows.pick(np.arange(len(rows) - 2))


def surer(rows):
    return replace(rows, logits=rows.logits * 2)


def weights_exchanged(rows):
    return replace(rows, weights=rows.weights[:, ::-1].copy())


def without_record(path):
    (root_of(path) / record_of(CLIPS)).unlink()


def another_input(record):
    next(iter(record["inputs"].values())).update(digest="0")


def label_zero(table):
    return table.assign(label=0)


def all_in_the_test(table):
    return table.assign(subset="test")


def first_row_missing(table):
    return table.iloc[1:]


KINDS = {
    "index: a label": (CLIPS, records(label_zero)),
    "index: a row": (CLIPS, records(first_row_missing)),
    "index: rejected videos": (
        f"{DATA}/rejected.csv",
        written("video_id,reason\nx,damaged\n"),
    ),
    "index: warnings": (f"{DATA}/warnings.csv", written("what,warning\nall videos,dark\n")),
    "inspection: a hash": (f"{DATA}/inspected/shard0.parquet", records(lambda t: t.assign(frame_hash="0"))),
    "inspection: another shard": (
        f"{DATA}/inspected/shard0.parquet",
        other(f"{DATA}/inspected/shard1.parquet"),
    ),
    "manifest: a line": (f"{DATA}/rendered/shard0.csv", text("Drink", "Wave")),
    "subsets: a video moved to the test": (
        SUBSETS,
        records(all_in_the_test),
    ),
    "subsets: a label": (SUBSETS, records(label_zero)),
    "subsets: leaks": (f"{DATA}/split0/leaks.csv", written("video,subset\n")),
    "folds: a fold": (f"{DATA}/split0/folds.parquet", records(lambda t: t.assign(fold=1 - t["fold"]))),
    "frames: a bit": (FRAMES, flip_frame),
    "frames: darker, sealed again": (FRAMES, darker),
    "frames: another shard": (
        FRAMES,
        other(f"{DATA}/frames/rgb/shard1.arrow"),
    ),
    "frames: another modality": (
        FRAMES,
        other(f"{DATA}/frames/dark/shard0.arrow"),
    ),
    "frames: another modality with its record": (
        FRAMES,
        with_record(f"{DATA}/frames/dark/shard0.arrow"),
    ),
    "flow: a bit": (f"{DATA}/frames/flow/shard1.arrow", flip_frame),
    "checkpoint: a weight": (f"{RGB}/checkpoint.safetensors", flip),
    "checkpoint: the other teacher's": (
        f"{RGB}/checkpoint.safetensors",
        other(f"{FLOW}/checkpoint.safetensors"),
    ),
    "checkpoint: a fold's, with its record": (
        f"{RGB}/checkpoint.safetensors",
        with_record(f"{RGB}/fold0/checkpoint.safetensors"),
    ),
    "checkpoint: older": (f"{STUDENT}/checkpoint.safetensors", older),
    "history: a value": (f"{RGB}/history.csv", text("0.", "0.9")),
    "fold: checkpoint": (
        f"{FLOW}/fold1/checkpoint.safetensors",
        other(f"{FLOW}/fold0/checkpoint.safetensors"),
    ),
    "fold: held-out logits": (f"{FLOW}/fold1/logits/held_out.parquet", logits(labels_as_predicted)),
    "out of fold: in-sample logits": (
        f"{RGB}/logits/out_of_fold.parquet",
        other(f"{RGB}/logits/train.parquet"),
    ),
    "out of fold: the other teacher's, with record": (
        f"{RGB}/logits/out_of_fold.parquet",
        with_record(f"{FLOW}/logits/out_of_fold.parquet"),
    ),
    "logits: labels as predicted": (f"{STUDENT}/logits/test.parquet", logits(labels_as_predicted)),
    "logits: rows missing": (
        f"{STUDENT}/logits/test.parquet",
        logits(rows_missing),
    ),
    "logits: a value": (
        f"{RGB}/logits/train.parquet",
        logits(surer),
    ),
    "logits: the other student's": (
        f"{STUDENT}/logits/test.parquet",
        other(f"{RUN}/students/rgb_ukd_oof/logits/test.parquet"),
    ),
    "fusion: another": (
        f"{RUN}/fusions/ukd/logits/train.parquet",
        other(f"{RUN}/fusions/gtd/logits/train.parquet"),
    ),
    "fusion: weights": (
        f"{RUN}/fusions/ukd/logits/train.parquet",
        logits(weights_exchanged),
    ),
    "metrics: top-1": (f"{STUDENT}/metrics/test.json", sealed("top1", 1.0)),
    "metrics: another row's": (f"{STUDENT}/metrics/test.json", other(f"{RGB}/metrics/test.json")),
    "measures: a value": (f"{DATA}/measured/rgb/shard0.parquet", records(lambda t: t.assign(mean=9.0))),
    "table: a number": (f"{DATA}/tables/tiny.csv", text(",0,", ",1,")),
    "table: a page": (f"{DATA}/tables/tiny.html", text("UKD", "UKD (ours)")),
    "cost: a number": (f"{DATA}/cost.csv", text("stored", "online")),
    "figure: a line": (f"{DATA}/figures/accuracy.svg", text("<svg", "<svg ")),
    "figure: pixels": (f"{DATA}/figures/gallery.png", flip),
    "report: a word": ("results/report.html", text("synthetic", "real")),
    "a file is missing": (f"{DATA}/tables/tiny.md", lambda path: path.unlink()),
    "a file that nothing made": (f"{DATA}/tables/best.csv", written("top1\n99\n")),
    "record: gone": (
        CLIPS,
        without_record,
    ),
    "record: settings": (
        FRAMES,
        of_record(lambda r: r["settings"].update(short_side=9)),
    ),
    "record: an input": (
        f"{RGB}/metrics/test.json",
        of_record(another_input),
    ),
    "record: a key": (f"{RGB}/metrics/test.json", of_record(lambda r: r.update(key="0" * 12))),
}


@functools.cache
def planned(folder):
    """What the untouched run planned (test_reruns: a second run plans nothing)."""
    made = {}
    for path in (folder / "results/provenance").rglob("*.json"):
        record = read_record(path)
        made[str(path.relative_to(folder))] = Planned(record["key"], record["settings"], record["inputs"], ())
    assert len(made) == 56
    return made


@pytest.fixture
def copied(original, tmp_path):
    shutil.copytree(original.folder / "results", tmp_path / "results")
    with contextlib.chdir(tmp_path):
        yield tmp_path


def test_an_untouched_folder_is_what_its_records_say(original, copied):
    problems, count = audit(planned(original.folder), whole_fingerprint)
    assert problems == [] and count == sum(
        path.is_file() and not {"provenance", "benchmarks"} & set(path.parts)
        for path in (copied / "results").rglob("*")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_tampering_is_found_by_name(original, copied, kind):
    name, tamper = KINDS[kind]
    tamper(copied / name)
    problems, _ = audit(planned(original.folder), whole_fingerprint)
    assert any(name in problem.split(": ")[0] for problem in problems), problems


@pytest.mark.parametrize("forged", [SUBSETS, f"{STUDENT}/logits/test.parquet", f"{RGB}/metrics/test.json"])
def test_a_forged_record_breaks_the_chain(original, copied, forged):
    """File and record both rewritten: whoever was made from the file tells of another one."""
    content = read_json(copied / record_of(forged))
    content["outputs"][forged] = "0" * 64
    write_json(copied / record_of(forged), content)
    problems, _ = audit(
        planned(original.folder), lambda path: "0" * 64 if path == forged else whole_fingerprint(path)
    )
    assert problems and all(f"made from another {forged}" in problem for problem in problems)


def test_verify_makes_nothing_whatever_the_dates_of_a_copy_are(finished):
    """Without Snakemake's memory, sources newer than what was made from them: only the samples are computed."""
    shutil.rmtree(finished.folder / ".snakemake")
    for number, path in enumerate(sorted((finished.folder / "results").rglob("*"), reverse=True)):
        os.utime(path, (1.9e9 - number, 1.9e9 - number))
    assert set(finished.plan("verify", "--configfile", TINY)) == {"verify", "verify_logits", "verify_fold"}


def test_verify_of_nothing_makes_nothing(workflow):
    done = workflow.snakemake("verify", "--dry-run", "--configfile", TINY)
    assert done.returncode != 0 and "subsets.parquet.json: this record is missing" in done.stdout


MALFORMED = [
    {},
    {"inputs": {"a": {}}},
    {"outputs": ["a"]},
    {"outputs": {"/etc/passwd": "0"}},
    {"outputs": {"results/../../x": "0"}},
    {"versions": []},
    {"inputs": "text"},
    {"settings": 1},
]


@pytest.mark.parametrize("change", MALFORMED, ids=str)
def test_a_malformed_record_is_named_and_nothing_else_is_opened(original, copied, change):
    path = copied / record_of(CLIPS)
    write_json(path, {**read_json(path), **change} if change else {})
    problems, _ = audit(planned(original.folder), whole_fingerprint)
    assert any(f"{record_of(CLIPS)}: not a record of a job" in problem for problem in problems)


def test_deep_nesting_links_pipes_and_second_records_are_named(original, copied):
    """What else stands in the folder of records, or says that it made what another job made."""
    folder = copied / "results/provenance"
    (folder / "deep.json").write_text("[" * 200_000)
    os.mkfifo(folder / "pipe.json")
    (copied / "elsewhere").write_text("x")
    (copied / "results/darkroom/linked.csv").symlink_to(copied / "elsewhere")
    shadow = read_json(copied / record_of("results/report.html"))
    write_json(folder / "shadow.json", shadow)
    text("synthetic", "real")(copied / "results/report.html")
    problems = "\n".join(audit(planned(original.folder), whole_fingerprint)[0])
    for words in (
        "deep.json",
        "pipe.json: not a record",
        "linked.csv: it is a link",
        "report.html: two records",
    ):
        assert words in problems


def test_verify_names_all_that_is_wrong_before_it_computes_anything(finished):
    chosen = ["index: a label", "frames: a bit", "checkpoint: older", "metrics: top-1", "report: a word"]
    for kind in chosen:
        name, tamper = KINDS[kind]
        tamper(finished.folder / name)
    done = finished.snakemake("verify", "--dry-run", "--configfile", TINY)
    assert done.returncode != 0 and "below results/" in done.stdout
    for kind in chosen:
        assert f"{KINDS[kind][0]}" in done.stdout


@pytest.mark.slow
def test_leftovers_of_earlier_settings_do_not_fail_the_audit(finished, tmp_path):
    """Files that the report does not rest on must only be what was written."""
    overlay = tmp_path / "without.yaml"
    rows = "{RGB: teachers/rgb, flow: teachers/flow, two-stream: fusions/two_stream, UKD: students/rgb_ukd}"
    overlay.write_text(
        f"tables: {{fewer: {{caption: x, baseline: RGB, rows: {rows}}}}}\nrun: {{tables: [fewer]}}\n"
    )
    finished.run("--configfile", TINY, str(overlay))
    plan = finished.run("verify", "--dry-run", "--configfile", TINY, str(overlay))
    assert "are what their records say" in plan
