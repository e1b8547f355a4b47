"""The tidy table has every row of every logit file once, with its weight, and refuses what is not of its schema."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.knowledge.logit_files import CLASSES, make_rows, store, store_teachers
from ukdlib.knowledge.ensemble import fuse_files
from ukdlib.knowledge.facts import COLUMNS, Source, gather, read_facts, write_facts
from ukdlib.knowledge.logits import read_logits
from ukdlib.settings.config import NO_LABEL

ROOT = Path(__file__).parents[3]
METADATA = {
    "dataset": "d",
    "note": "é \u2028 </script>",
    "classes": CLASSES,
    "fusion": "f",
    "student": "s",
    "teachers": ["a", "b"],
    "tau": 2.0,
    "out_of_fold": True,
}
SETTINGS = {"method": "gtd", "tau": 2.0, "h": 0.99, "weight_temperature": 1, "fuse_as": "probabilities"}
GROUPS = {0: {f"Drink_{v:04d}": f"g{v % 2}" for v in range(5)}}


def gathered(folder, target="video"):
    paths, rows = store_teachers(folder, 2)
    fused = str(folder / "fused.parquet")
    setting = {**SETTINGS, "target": target, "out_of_fold": False, "consensus": False}
    fuse_files(fused, paths, setting, {})
    held = store(folder / "held.parquet", replace(rows[0], folds=rows[0].views % 2))
    sources = {
        paths[0]: Source(0, 0, "teachers", "a", "train", True),
        paths[1]: Source(0, 0, "teachers", "b", "train", True),
        held: Source(0, 0, "teachers", "a", "train", False),
        fused: Source(0, 0, "fusions", "f", "train"),
    }
    return gather(sources, GROUPS, {"teachers": ["a", "b"], "target": target}), rows, read_logits(fused)


def test_what_is_written_is_read(tmp_path):
    table = gathered(tmp_path)[0]
    write_facts(tmp_path / "facts.parquet", table, METADATA)
    read, metadata = read_facts(tmp_path / "facts.parquet")
    assert read.equals(table) and read.schema.remove_metadata().equals(COLUMNS)
    assert metadata == {"schema": 1, **METADATA}


@pytest.mark.parametrize("target", ["video", "view"])
def test_every_row_has_the_weight_that_the_fusion_gave_it(tmp_path, target):
    table, rows, fused = gathered(tmp_path, target)
    frame = table.to_pandas()
    assert len(frame) == 3 * 10 + len(fused)
    of_fold = frame["fold"].notna()
    assert of_fold.sum() == 10 and frame.loc[of_fold | (frame["role"] == "fusions"), "weight"].isna().all()
    for k, name in enumerate("ab"):
        own = frame[(frame["name"] == name) & ~of_fold]
        np.testing.assert_array_equal(np.stack(own["logits"]), rows[k].logits)
        expected = fused.weights[:, k] if target == "view" else np.repeat(fused.weights[:, k], 2)
        np.testing.assert_array_equal(own["weight"], expected)
    assert frame.loc[frame["video_id"] == "Drink_0003", "group"].unique() == ["g1"]


def test_no_label_is_null(tmp_path):
    rows = make_rows(1)
    path = store(tmp_path / "a.parquet", replace(rows, labels=np.full(2, NO_LABEL)))
    table = gather({path: Source(0, 0, "teachers", "a", "unlabelled")}, GROUPS, {})
    assert table["label"].to_pylist() == [None, None]


def test_other_files_and_metadata_are_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ValueError, match=r"other\.parquet: not a table of knowledge of schema 1"):
        read_facts(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"other\.parquet is damaged"):
        read_facts(path)
    with pytest.raises(ValueError, match=r"metadata \['tau'\] are missing or unknown"):
        write_facts(path, COLUMNS.empty_table(), {k: v for k, v in METADATA.items() if k != "tau"})


def test_the_lines_of_pandas_in_the_docs_count_every_row(tmp_path, monkeypatch):
    lines = re.search(r"```python\n(.*?)```", (ROOT / "docs/knowledge.md").read_text(), re.S)[1]
    table = gathered(tmp_path)[0]
    write_facts(tmp_path / "knowledge.parquet", table, METADATA)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(lines, names)
    held_out = table.to_pandas().query("fold.notna()")
    assert names["confused"].sum() == len(held_out) == 10
    assert set(names["confused"].index.get_level_values("guess")) <= set(CLASSES)
    assert len([line for line in lines.splitlines() if line]) == 5
