"""Published weights: half the size, the same predictions, and no other file under their name."""

import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from ukdlib.artifacts.sealing import sha256
from ukdlib.learning.checkpoints import read_checkpoint, save_checkpoint
from ukdlib.networks import build_network, initial_network
from ukdlib.pretrained.publishing import SUMS, check_sum, publish, write_card, write_sums
from ukdlib.pretrained.start import start_from

ROOT = Path(__file__).parents[3]
SETTINGS = {"naming": "ukd", "stem": "mean", "note": "Daylight"}
SLOWFAST = yaml.safe_load((ROOT / "config.yaml").read_text())["networks"]["slowfast"]
CLASSES = ["a", "b", "c"]
METADATA = {
    "network": SLOWFAST,
    "in_channels": 3,
    "classes": CLASSES,
    "modality": {"name": "rgb"},
    "seen": {"videos": {"daylight/x": "0"}, "unknown": []},
}


@pytest.fixture
def published(tmp_path):
    """(the network, its file as published)."""
    network = initial_network(SLOWFAST, 3, 3, 0)
    (tmp_path / "weights").mkdir()
    source, target = f"{tmp_path}/checkpoint.safetensors", f"{tmp_path}/weights/slowfast_rgb.safetensors"
    save_checkpoint(source, network, METADATA)
    publish(source, target)
    return network, target


def test_what_is_published_has_half_the_size_and_the_same_origin(published, tmp_path):
    _, target = published
    weights, metadata = read_checkpoint(target)
    assert Path(target).stat().st_size < 0.6 * (tmp_path / "checkpoint.safetensors").stat().st_size
    assert {value.dtype for value in weights.values() if value.dim() > 1} == {torch.float16}
    assert metadata == METADATA


def test_a_network_that_starts_from_it_predicts_what_the_trained_one_does(published):
    network, target = published
    other = build_network(num_classes=3, in_channels=3, **SLOWFAST)
    record, seen = start_from(other, target, SETTINGS, CLASSES)
    clips = torch.randn(2, 3, SLOWFAST["frames"], 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(other.eval()(clips), network.eval()(clips), atol=2e-2, rtol=1e-2)
    assert record["note"] == "Daylight" and seen.videos == {"daylight/x": "0"}


def test_another_file_under_the_name_is_refused(published, tmp_path):
    _, target = published
    write_sums(f"{tmp_path}/weights/{SUMS}", [target])
    check_sum(target)
    check_sum(f"{tmp_path}/weights/README.md")  # not listed: nothing is known of it
    publish(f"{tmp_path}/checkpoint.safetensors", f"{tmp_path}/other.safetensors")
    _, metadata = read_checkpoint(target)
    save_checkpoint(target, initial_network(SLOWFAST, 3, 3, 1), metadata)  # sound in itself
    network = build_network(num_classes=3, in_channels=3, **SLOWFAST)
    with pytest.raises(
        ValueError, match=r"slowfast_rgb\.safetensors: its sha256 is \w+, .*SHA256SUMS says \w+"
    ):
        start_from(network, target, SETTINGS, CLASSES)


def test_the_sums_are_those_that_sha256sum_checks(published, tmp_path):
    write_sums(f"{tmp_path}/weights/{SUMS}", [published[1]])
    done = subprocess.run(["sha256sum", "-c", SUMS], cwd=tmp_path / "weights", capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "slowfast_rgb.safetensors: OK\n"


def test_the_card_says_what_each_file_is(published, tmp_path):
    target = published[1]
    words = {
        "title": "Weights",
        "note": "Of lit clips.",
        "command": "snakemake weights",
        "use": "In config.yaml.",
    }
    write_card(
        f"{tmp_path}/README.md", [target], [{"top1": 0.8125, "n": 286, "interval": [0.75, 0.86]}], words
    )
    card = (tmp_path / "README.md").read_text()
    assert (
        "slowfast_rgb.safetensors | `slowfast` {" in card
        and "| rgb | 81.2 [75.0, 86.0] of 286 clips | 1 clips" in card
    )
    assert "    snakemake weights\n" in card and sha256(target)[:12] in card


@pytest.mark.parametrize("other", [{"name": "moving", "moving": True}, {"name": "flow", "flow": True}])
def test_a_network_that_sees_something_else_does_not_start_from_it(published, other):
    network = build_network(num_classes=3, in_channels=3, **SLOWFAST)
    with pytest.raises(
        ValueError, match=f"sees 'rgb', but this one sees '{other['name']}', another kind of input"
    ):
        start_from(network, published[1], SETTINGS, CLASSES, other)
    start_from(
        network, published[1], SETTINGS, CLASSES, {"name": "brightened", "flow": False, "moving": False}
    )


COMMITTED = sorted((ROOT / "weights").glob("*.safetensors"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_the_committed_weights_are_whole_small_and_of_the_networks_of_the_configuration(path):
    check_sum(path)
    assert path.stat().st_size < 4e6 and path.name in (path.parent / SUMS).read_text()
    _, metadata = read_checkpoint(path)
    assert path.stem.endswith(f"_{metadata['modality']['name']}")
    assert all(name.startswith("daylight/") for name in metadata["seen"]["videos"])
    network = build_network(num_classes=11, in_channels=metadata["in_channels"], **metadata["network"])
    record, _ = start_from(network, path, SETTINGS, metadata["classes"], metadata["modality"])
    assert record["lacking"] == record["renewed"] == [] and record["left_over"] == 0


def test_weights_are_committed():
    assert {path.name for path in COMMITTED} >= {
        f"slowfast_{name}.safetensors" for name in ("rgb", "moving", "flow")
    }


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_the_committed_weights_are_what_their_command_makes(path):
    """By what they state: videos and hashes, network, recipe, seed. Another CPU rounds otherwise (docs/log.md)."""
    again = ROOT / "results/daylight/weights" / path.name
    if not again.is_file():
        pytest.skip(
            "not made here: snakemake --configfile config/daylight.yaml --cores all weights takes an hour"
        )
    (committed, stated), (made, stated_again) = read_checkpoint(path), read_checkpoint(again)
    assert {key: stated_again[key] for key in stated} == stated  # later versions state more
    assert {name: value.shape for name, value in made.items()} == {
        name: value.shape for name, value in committed.items()
    }


@pytest.mark.parametrize("form", ["{sum} *{name}", "{sum}  ./{name}", "{upper}  {name}"])
def test_sums_may_be_written_in_any_of_sha256sums_ways(published, form):
    path = Path(published[1])
    known = sha256(path)
    sums = path.with_name(SUMS)
    sums.write_text(form.format(sum=known, upper=known.upper(), name=path.name) + "\n")
    check_sum(path)
    sums.write_text(form.format(sum="0" * 64, upper="0" * 64, name=path.name) + "\n")
    with pytest.raises(ValueError, match="its sha256 is"):
        check_sum(path)
    sums.write_text(f"SHA256 ({path.name}) = {known}\n")
    with pytest.raises(ValueError, match=r"SHA256SUMS:1: .* is not `sha256  file`"):
        check_sum(path)
