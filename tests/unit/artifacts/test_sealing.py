"""A changed bit in a stored artifact is reported with the file's name, or changes nothing; it is never used."""

import errno
import os
import resource
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from torch import nn

from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.artifacts.sealing import beside, checksum, damaged, refuse_damage
from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.knowledge.logits import LogitRows, read_logits, write_logits
from ukdlib.learning.checkpoints import load_network, save_checkpoint
from ukdlib.networks import initial_network
from ukdlib.videos.records import read_records, write_csv, write_records

FLIPS = 400
SETTINGS = {"arch": "tpn", "frames": 8, "width": 2, "blocks": [1, 1, 1, 1], "groups": 2}


def write_frames(path):
    rng = np.random.default_rng(0)
    write_shard(path, ["v0", "v1"], lambda _: rng.integers(0, 255, (3, 8, 8, 3), dtype=np.uint8), "raw")


def write_jpegs(path):
    rng = np.random.default_rng(0)
    write_shard(path, ["v0", "v1"], lambda _: rng.integers(0, 255, (3, 8, 8, 2), dtype=np.uint8), "jpeg")


def frames_of(path):
    store = open_shards([path])
    return [(video, store.video(video).tobytes()) for video in store.video_ids]


def write_rows(path):
    rng = np.random.default_rng(0)
    ids = np.array(["a", "a", "b", "b"])
    logits = rng.normal(size=(4, 3)).astype(np.float32)
    rows = LogitRows(ids, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), logits, list("xyz"))
    write_logits(path, rows, {"checkpoint": "0123abcd"})


def rows_of(path):
    rows = read_logits(path)
    arrays = [getattr(rows, name) for name in ("video_ids", "views", "labels", "logits")]
    return (
        [array.tolist() for array in arrays],
        rows.classes,
        rows.metadata["checkpoint"],
    )  # another key beside it does not matter


STATED = {"network": SETTINGS, "in_channels": 3, "classes": list("xyz")}


def write_weights(path):
    save_checkpoint(path, initial_network(SETTINGS, 3, 3, 0), STATED)


def weights_of(path):
    network, metadata = load_network(path, **STATED)
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}, metadata


VIDEOS = pd.DataFrame(
    {
        "video_id": [f"Run_{i}" for i in range(20)],
        "label": np.arange(20) % 3,
        "subset": ["train", "test"] * 10,
        "fps": [None, *np.arange(19) / 3],
        "steady": [None, *[True, False] * 9, True],
    }
)
METRICS = {"name": "flüchtig", "n": 12, "top1": 1 / 3, "confusion": [[3, 1], [0, 8]], "source": {"tau": None}}


def write_videos(path):
    write_records(path, VIDEOS)


def videos_of(path):
    table = read_records(path)
    return table.dtypes.astype(str).to_dict(), table.to_json(orient="values", double_precision=15)


def write_metrics(path):
    write_json(path, METRICS)


ARTIFACTS = {
    "raw.arrow": (write_frames, frames_of),
    "jpeg.arrow": (write_jpegs, frames_of),
    "logits.parquet": (write_rows, rows_of),
    "checkpoint.safetensors": (write_weights, weights_of),
    "subsets.parquet": (write_videos, videos_of),
    "metrics.json": (write_metrics, read_json),
}
OTHERS_TOO = {
    "raw.arrow",
    "jpeg.arrow",
    "logits.parquet",
}  # another schema may be another tool's: no advice to rm


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_flipped_bit_is_reported_or_changes_nothing(name, tmp_path):
    write, read = ARTIFACTS[name]
    path = str(tmp_path / name)
    write(path)
    content, expected = (tmp_path / name).read_bytes(), read(path)
    rng = np.random.default_rng(0)
    reported = 0
    for place in rng.choice(len(content), min(FLIPS, len(content)), replace=False):
        broken = bytearray(content)
        broken[place] ^= 1 << rng.integers(8)
        (tmp_path / name).write_bytes(broken)
        try:
            assert read(path) == expected, f"byte {place} of {len(content)}: read as something else"
        except ValueError as error:
            assert path in str(error) and (name in OTHERS_TOO or f"rm '{path}'" in str(error))
            reported += 1
    assert reported > FLIPS / 4  # the rest are paddings


@pytest.mark.parametrize("name", ARTIFACTS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_reported(name, share, tmp_path):
    write, read = ARTIFACTS[name]
    write(str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=name):
        read(str(tmp_path / name))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_missing_file_is_not_reported_as_damaged(name, tmp_path):
    with pytest.raises(FileNotFoundError):
        ARTIFACTS[name][1](str(tmp_path / name))


def test_tables_and_objects_come_back_as_they_were(tmp_path):
    path = str(tmp_path / "a")
    write_videos(path)
    pd.testing.assert_frame_equal(read_records(path), VIDEOS, check_dtype=False)
    write_metrics(path)
    assert list(read_json(path).items()) == list(METRICS.items())


def test_a_table_without_its_seal_is_refused(tmp_path):
    """Editing one with another tool would change all that follows from it."""
    VIDEOS.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet is damaged: its rows .* rm "):
        read_records(tmp_path / "a.parquet")


WRITERS = {
    "subsets.parquet": write_videos,
    "leaks.csv": lambda path: write_csv(path, VIDEOS),
    "metrics.json": write_metrics,
}


@contextmanager
def full_disk():
    """A disk with room for 100 bytes of a file, as far as a writer can tell; half of any bytecode would stay."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[0][1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[0])
        sys.dont_write_bytecode = before[1]


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_nothing_and_what_was_there_as_it_was(name, tmp_path):
    with full_disk(), pytest.raises(OSError, match="File too large"):
        WRITERS[name](tmp_path / name)
    assert os.listdir(tmp_path) == []
    WRITERS[name](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        WRITERS[name](tmp_path / name)
    assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_bytes() == content


def test_a_writer_that_fails_halfway_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), beside(tmp_path / "a") as part:
        Path(part).write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


SHORT = [
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError(errno.EMFILE, "Too many open files"),
    OSError(errno.ESTALE, "Stale file handle"),
    OSError("Memory mapping file failed: Cannot allocate memory"),  # pyarrow's, without a number
    pa.ArrowMemoryError("malloc of size 4194304 failed"),
]


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_a_machine_short_of_resources_does_not_report_damage(error):
    with pytest.raises(type(error)) as caught, refuse_damage("a.arrow", pa.ArrowException, OSError):
        raise error
    assert caught.value is error and "a.arrow: not read" in caught.value.__notes__[0]


@pytest.mark.parametrize("error", [OSError("no footer"), OSError(errno.EIO, "Input/output error")], ids=str)
def test_errors_of_a_bad_disk_are_reported_as_damage(error):
    with pytest.raises(ValueError, match=r"a\.arrow is damaged: OSError"), refuse_damage("a.arrow", OSError):
        raise error


def test_checksum_is_crc_32():
    assert checksum([b"1234", b"56789"]) == 0xCBF43926 == zlib.crc32(b"123456789")
    assert checksum([]) == 0


def test_the_remedy_is_named():
    assert "rm 'a b.arrow'" in str(damaged("a b.arrow", "gone"))


def test_every_part_of_a_network_is_sealed(tmp_path):
    """Buffers, whole numbers among them, count as well as weights."""
    network = nn.Sequential(nn.BatchNorm1d(2))
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, network, {"network": {}, "in_channels": 3, "classes": ["a"]})
    first = path.read_bytes()
    network[0].num_batches_tracked += torch.tensor(1)
    save_checkpoint(path, network, {"network": {}, "in_channels": 3, "classes": ["a"]})
    assert first != path.read_bytes()
