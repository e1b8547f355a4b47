"""A job is bound to what it was planned from: inputs of other settings, changed, or of unknown origin are refused."""

import json

import pytest

from ukdlib.artifacts.lineage import begin, differences, job_key, merged, read_record, record_of
from ukdlib.artifacts.sealed_json import write_json

SETTINGS = {"gamma": 3.0, "views": [("subset", "==", "train")]}


def params(name, sources=(), **settings):
    lineage = {
        "place": "",
        "record": record_of(name),
        "key": job_key("made", settings, {}),
        "sources": sources,
    }
    return {**settings, "lineage": lineage}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path


@pytest.fixture
def source(folder):
    """A file with its record, as the sources of the next job name it."""
    given = params("results/a.csv", **SETTINGS)
    job = begin("decode", given, [])
    (folder / "results/a.csv").write_text("1\n")
    job.finish(["results/a.csv", record_of("results/a.csv")])
    return ["results/a.csv", record_of("results/a.csv"), given["lineage"]["key"]]


def test_a_record_says_what_went_in_and_came_out(folder, source):
    (folder / "video.mp4").write_text("mine")
    given = params("results/b/c.csv", [source], tau=20)
    job = begin("fuse", given, ["results/a.csv", "video.mp4"])
    (folder / "results/b").mkdir()
    (folder / "results/b/c.csv").write_text("2\n")
    job.finish(["results/b/c.csv"])
    record = read_record("results/provenance/b/c.csv.json")
    assert record["rule"] == "fuse" and record["settings"] == {"tau": 20}
    assert (
        record["inputs"]["results/a.csv"]["key"] == source[2] and record["inputs"]["video.mp4"]["key"] is None
    )
    assert record["outputs"] == {
        "results/b/c.csv": "53c234e5e8472b6ac51c1ae1cab3fe06fad053beb8ebfd8977b010655bfdd3c3"
    }
    assert set(next(iter(record["versions"]["Python"].values()))) == {"decode", "fuse"}


def test_tuples_and_lists_have_one_key_and_every_setting_counts():
    key = job_key("decode", SETTINGS, {"a": "1"})
    assert key == job_key("decode", json.loads(json.dumps(SETTINGS)), {"a": "1"})
    others = [("correct", SETTINGS, {"a": "1"}), ("decode", {**SETTINGS, "gamma": 1.5}, {"a": "1"})]
    others += [("decode", SETTINGS, {"a": "2"}), ("decode", SETTINGS, {"b": "1"}), ("decode", SETTINGS, {})]
    assert key not in {job_key(*each) for each in others}


def test_an_input_that_was_changed_since_is_refused(folder, source):
    (folder / "results/a.csv").write_text("9\n")
    with pytest.raises(ValueError, match=r"results/a\.csv is damaged: its content is not what decode wrote"):
        begin("fuse", params("results/b.csv", [source]), ["results/a.csv"])


def test_an_input_that_another_run_made_is_refused(folder, source):
    other = [*source[:2], job_key("made", {"gamma": 1.5}, {})]
    message = rf"results/a\.csv: decode made it with other settings.*its key is {source[2]}, expected was {other[2]}"
    with pytest.raises(ValueError, match=message):
        begin("fuse", params("results/b.csv", [other]), ["results/a.csv"])


@pytest.mark.parametrize("left", [None, "{}", "not JSON"])
def test_an_input_of_unknown_origin_is_refused(folder, source, left):
    record = folder / source[1]
    record.write_text(left) if left else record.unlink()
    with pytest.raises(ValueError, match=r"is damaged: "):
        begin("fuse", params("results/b.csv", [source]), ["results/a.csv"])


def test_files_that_a_storage_has_copied_keep_their_names(folder, source):
    (folder / "copies").mkdir()
    (folder / "results").rename(folder / "copies/results")
    given = params("results/b.csv", [source])
    given["lineage"]["place"] = "copies/"
    job = begin("fuse", given, ["copies/results/a.csv", f"copies/{source[1]}"])
    (folder / "copies/results/b.csv").write_text("2\n")
    job.finish(["copies/results/b.csv"])
    record = read_record("copies/results/provenance/b.csv.json")
    assert list(record["inputs"]) == ["results/a.csv"] and list(record["outputs"]) == ["results/b.csv"]


def test_versions_of_all_that_a_file_was_made_from_are_known(folder, source):
    content = read_record(source[1])
    write_json(source[1], {**content, "versions": {"torch": {"1.0": ["decode"]}}})
    job = begin("fuse", params("results/b.csv", [source]), ["results/a.csv"])
    assert job.versions == {"torch": {"1.0": ["decode"]}}
    assert merged([job.versions, {"torch": {"2.0": ["fuse"], "1.0": ["train"]}}]) == {
        "torch": {"1.0": ["decode", "train"], "2.0": ["fuse"]}
    }


def test_differences_are_told_by_their_dotted_names():
    before = {"options": {"gamma": 3.0}, "seen": None, "long": "x" * 99, "same": 1}
    now = {"options": {"gamma": 1.5, "new": True}, "seen": [1], "long": "y", "same": 1}
    options = ["options.gamma: 3.0 -> 1.5", "options.new: None -> True"]
    assert differences(before, now) == ["long", *options, "seen: None -> [1]"]
