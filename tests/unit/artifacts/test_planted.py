"""Nothing below results/ can name or hold code that runs: planted in every format that a job reads."""

import io
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ukdlib.artifacts.journal import journaled
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.artifacts.sealing import checksum
from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.knowledge.logits import LogitRows, read_logits, write_logits
from ukdlib.learning.resuming import load_state
from ukdlib.videos.records import read_records, write_records


class Code:
    """What a careless reader would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def bomb(tmp_path):
    """A pickle that makes the file `ran`."""
    yield pickle.dumps(Code(tmp_path / "ran"))
    assert not (tmp_path / "ran").exists()


def test_the_bomb_works(tmp_path):
    pickle.loads(pickle.dumps(Code(tmp_path / "ran"))).close()
    assert (tmp_path / "ran").exists()


def test_a_state_of_a_training(tmp_path, bomb, capsys):
    torch.save({"key": "k", "learner": Code(tmp_path / "ran")}, content := io.BytesIO())
    for stored in (content.getvalue(), bomb):
        path = tmp_path / "resume.pt"
        path.write_bytes(b"%08x\n" % checksum([stored]) + stored)
        assert load_state(str(path), "k", None) == ([], None)
        assert "damaged, not resumed" in capsys.readouterr().err


def extended(table, bomb):
    """The columns of a table as the Python type of Arrow that used to be unpickled (CVE-2023-47248)."""
    fields = [
        field.with_metadata(
            {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": bomb}
        )
        for field in table.schema
    ]
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields, table.schema.metadata))


def test_tables_and_logits(tmp_path, bomb):
    write_records(tmp_path / "a.parquet", pd.DataFrame({"video_id": ["a"]}))
    rows = LogitRows(
        np.array(["a"]), np.zeros(1, int), np.zeros(1, int), np.ones((1, 2), np.float32), ["x", "y"]
    )
    write_logits(tmp_path / "b.parquet", rows)
    for name, read in {"a": read_records, "b": read_logits}.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(extended(pq.read_table(path), bomb), path)
        try:
            read(path)
        except ValueError:
            pass


def test_frames(tmp_path, bomb):
    path = tmp_path / "a.arrow"
    write_shard(str(path), ["a"], lambda video: np.zeros((2, 4, 4, 3), np.uint8))
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, (planted := extended(table, bomb)).schema) as writer,
    ):
        writer.write_table(planted)
    try:
        open_shards([str(path)]).video("a")
    except ValueError:
        pass


@pytest.mark.parametrize(
    "text", ['{"py/reduce": [{"py/function": "os.system"}, ["touch ran"]]}', "!!python/object:os.system"]
)
def test_objects_and_journals(tmp_path, bomb, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="is damaged"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.journal").write_text(text)
    assert journaled(str(tmp_path / "a.journal"), "k", lambda first: [1, 2][first:]) == [1, 2]


def test_journals_and_states_follow_no_links(tmp_path):
    secret = tmp_path / "secret"
    for name in ("a.journal", "resume.pt"):
        secret.write_text("not yours")
        (tmp_path / name).symlink_to(secret)
        journaled(str(tmp_path / name), "k", lambda first: [1]) if "journal" in name else load_state(
            str(tmp_path / name), "k", None
        )
        assert secret.read_text() == "not yours" and not (tmp_path / name).is_symlink()
