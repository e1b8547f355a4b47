"""A changed bit in a stored artifact is told with the file's name, or changes nothing; it is never computed with."""

import zlib

import numpy as np
import pytest
import torch
from torch import nn

from ukdlib.checkpoints import load_network, save_checkpoint
from ukdlib.frames import open_shards, write_shard
from ukdlib.logits import LogitRows, read_logits, write_logits
from ukdlib.networks import initial_network
from ukdlib.sealing import checksum, damaged

FLIPS = 120
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
    )  # another key beside it says nothing


def write_weights(path):
    stated = {"network": SETTINGS, "in_channels": 3, "classes": list("xyz")}
    save_checkpoint(path, initial_network(SETTINGS, 3, 3, 0), stated)


def weights_of(path):
    network, metadata = load_network(path)
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}, metadata


ARTIFACTS = {
    "raw.arrow": (write_frames, frames_of),
    "jpeg.arrow": (write_jpegs, frames_of),
    "logits.parquet": (write_rows, rows_of),
    "checkpoint.safetensors": (write_weights, weights_of),
}


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_flipped_bit_is_told_or_changes_nothing(name, tmp_path):
    write, read = ARTIFACTS[name]
    path = str(tmp_path / name)
    write(path)
    content, expected = (tmp_path / name).read_bytes(), read(path)
    rng = np.random.default_rng(0)
    told = 0
    for place in rng.choice(len(content), min(FLIPS, len(content)), replace=False):
        broken = bytearray(content)
        broken[place] ^= 1 << rng.integers(8)
        (tmp_path / name).write_bytes(broken)
        try:
            assert read(path) == expected, f"byte {place} of {len(content)}: read as something else"
        except ValueError as error:
            assert name in str(error)
            told += 1
    assert told > FLIPS / 4  # the rest are paddings


@pytest.mark.parametrize("name", ARTIFACTS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_told(name, share, tmp_path):
    write, read = ARTIFACTS[name]
    write(str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=name):
        read(str(tmp_path / name))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_file_that_is_not_there_is_no_damage(name, tmp_path):
    with pytest.raises(FileNotFoundError):
        ARTIFACTS[name][1](str(tmp_path / name))


def test_checksum_is_crc_32():
    assert checksum([b"1234", b"56789"]) == 0xCBF43926 == zlib.crc32(b"123456789")
    assert checksum([]) == 0


def test_the_way_out_is_told():
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
