"""A checkpoint restores the network, byte for byte; other files are refused."""

import os

import pytest
import torch
from safetensors.torch import save_file

from ukdlib.artifacts.sealing import sha256
from ukdlib.learning.checkpoints import load_network, read_metadata, save_checkpoint
from ukdlib.networks import initial_network

THIN = {"arch": "slowfast", "depth": 18, "width": 8, "alpha": 4, "frames": 4, "fast_stem": [5, 3, 3]}
METADATA = {"network": THIN, "in_channels": 2, "classes": ["Run", "Sit", "Wave"], "seed": 3}


@pytest.fixture
def network():
    """A network whose weights and batch statistics are not those of any seed."""
    network = initial_network(THIN, 3, 2, seed=3).to(memory_format=torch.channels_last_3d)
    network(torch.rand(4, 2, 4, 32, 32))
    return network


def test_a_network_comes_back_as_it_was(network, tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", network, METADATA)
    loaded, metadata = load_network(tmp_path / "a.safetensors", **METADATA)
    assert {key: metadata[key] for key in METADATA} == METADATA
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert not loaded.training


def test_equal_networks_give_equal_files(network, tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", network, METADATA)
    save_checkpoint(tmp_path / "b.safetensors", network, dict(reversed(METADATA.items())))
    assert sha256(tmp_path / "a.safetensors") == sha256(tmp_path / "b.safetensors")
    save_checkpoint(tmp_path / "b.safetensors", network, {**METADATA, "seed": 4})
    assert sha256(tmp_path / "a.safetensors") != sha256(tmp_path / "b.safetensors")


def test_the_config_hash_follows_the_settings(network, tmp_path):
    hashes = set()
    for seed in (3, 3, 4):
        save_checkpoint(tmp_path / "a.safetensors", network, {**METADATA, "seed": seed})
        hashes.add(read_metadata(tmp_path / "a.safetensors")["config_hash"])
    assert len(hashes) == 2


def test_sha256_of_a_known_file(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_nothing_but_the_checkpoint_is_left(network, tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", network, METADATA)
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_refusals(network, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(ValueError, match="metadata lacks classes"):
        save_checkpoint(path, network, {key: METADATA[key] for key in ("network", "in_channels")})
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"is damaged: SafetensorError.* rm "):
        load_network(path, **METADATA)
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(
        ValueError, match=r"not a checkpoint of ukd: metadata lacks classes, in_channels, network.* rm "
    ):
        load_network(path, **METADATA)
    save_checkpoint(path, network, METADATA)
    with pytest.raises(ValueError, match=r"its classes is \['Run', 'Sit', 'Wave'\], expected was \['Run'\]"):
        load_network(path, **{**METADATA, "classes": ["Run"]})


def test_code_that_a_file_names_is_never_run(network, tmp_path, monkeypatch):
    """A header with a user's function in place of the family, sealed again: planted code is not even imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/evil.py").write_text("open('it_ran', 'w')\n")
    path = tmp_path / "results/a.safetensors"
    planted = {**METADATA, "network": {"arch": "results.evil:net", "frames": 4}}
    save_checkpoint(path, network, planted)
    with pytest.raises(
        ValueError, match=r"its network is \{'arch': 'results.evil:net', 'frames': 4\}, expected was"
    ):
        load_network(path, **METADATA)
    assert not (tmp_path / "it_ran").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network", {**THIN, "width": 16}),
        ("in_channels", 3),
        ("classes", ["Sit", "Run", "Wave"]),
        ("seed", 4),
        ("recipe", {"lr": 0.1}),
        ("trained_on", "0123456789abcdef"),
    ],
)
def test_another_network_is_refused_with_both_values(key, value, network, tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", network, METADATA)
    with pytest.raises(ValueError, match=f"a.safetensors: its {key} is .*, expected was"):
        load_network(tmp_path / "a.safetensors", **{**METADATA, key: value})


def test_others_may_read_a_checkpoint(network, tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", network, METADATA)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o644
