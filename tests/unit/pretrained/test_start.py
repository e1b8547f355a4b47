"""Third-party weights: names map one to one, outputs are kept, other networks and code are refused."""

import os
import pickle

import pytest
import torch

from tests.unit.networks.test_families import FAMILIES, SMALL
from tests.unit.pretrained.published_names import mmaction2, pyslowfast
from ukdlib.learning.checkpoints import save_checkpoint
from ukdlib.learning.seen import Seen
from ukdlib.networks import initial_network
from ukdlib.networks.stems import find_stems
from ukdlib.pretrained.naming import foreign_name, rearranged
from ukdlib.pretrained.reading import read_weights
from ukdlib.pretrained.start import start_from

FRAMES = 8
CLASSES = ["Drink", "Jump", "Wave"]
OURS = {"naming": "ukd", "stem": "mean", "note": "elsewhere"}
SEEN = Seen({"arid/a": "0f"}, ["Kinetics"])


def small(family, channels=3, classes=3, seed=0, **options):
    settings = {"arch": family, "frames": FRAMES, **SMALL[family], **options}
    return initial_network(settings, classes, channels, seed).eval()


def clip(channels=3):
    return torch.randn(2, channels, FRAMES, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "naming, arch, options",
    [
        ("mmaction2", "slowfast_r50_4x16", {"lateral_norm": False}),
        ("mmaction2", "nl_i3d_r50", {}),
        ("mmaction2", "ir_csn_r152", {}),
        ("mmaction2", "tpn_r50", {}),
        ("pyslowfast", "slowfast_r50_4x16", {}),
        ("pyslowfast", "nl_i3d_r50", {}),
        ("pyslowfast", "nl_i3d_r101", {}),
    ],
)
def test_names_map_one_to_one(naming, arch, options):
    with torch.device("meta"):
        network = initial_network({"arch": arch, **options}, 400, 3, seed=0)
    names = list(network.state_dict())
    renamed = [foreign_name(name, naming) for name in names]
    published = {"mmaction2": mmaction2, "pyslowfast": pyslowfast}[naming](arch)
    bias = {
        name for name in published if name.endswith("conv_out.bias")
    }  # folded into the following normalisation
    assert len(set(renamed)) == len(names) and set(renamed) == published - bias


def test_mmaction2s_slowfast_has_928_parameters_less():
    with torch.device("meta"):
        network = initial_network({"arch": "slowfast_r50_4x16", "lateral_norm": False}, 400, 3, seed=0)
    assert sum(weight.numel() for weight in network.parameters()) == 34_479_288  # MMAction2 1.2's own class


def foreign_file(network, naming, path, wrap=None):
    """The network's weights as `naming` would have written them, in PyTorch's format."""
    weights = {foreign_name(name, naming): value for name, value in network.state_dict().items()}
    weights = {f"module.{name}": value for name, value in weights.items()} if wrap else weights
    torch.save({wrap: weights, "epoch": 196} if wrap else weights, path)
    return path


@pytest.mark.parametrize(
    "naming, wrap", [("pyslowfast", "model_state"), ("pytorchvideo", "model_state"), ("ukd", None)]
)
def test_outputs_survive_a_round_trip(naming, wrap, tmp_path):
    network = small("slowfast", seed=1)
    path = foreign_file(network, naming, tmp_path / "there.pyth", wrap)
    other = small("slowfast")
    account, seen = start_from(other, path, {**OURS, "naming": naming}, CLASSES)
    assert seen == Seen(unknown=[OURS["note"]])  # the file does not say
    assert torch.equal(other(clip()), network(clip()))
    assert (
        account["lacking"] == account["renewed"] == account["converted"] == [] and account["left_over"] == 0
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_starts_from_a_checkpoint_of_ours(family, tmp_path):
    network, path = small(family, seed=1), tmp_path / "checkpoint.safetensors"
    stated = {
        "network": {"arch": family, "frames": FRAMES, **SMALL[family]},
        "in_channels": 3,
        "classes": CLASSES,
    }
    save_checkpoint(path, network, {**stated, "seen": SEEN.as_json()})
    same, flow = small(family), small(family, channels=2)
    assert start_from(same, path, OURS, CLASSES)[1] == SEEN
    assert torch.equal(same(clip()), network(clip()))
    account, _ = start_from(flow, path, OURS, CLASSES)
    stems = [f"{name}.weight" for name in find_stems(network)]
    assert account["converted"] == stems and account["lacking"] == []
    for stem in stems:
        grey = network.state_dict()[stem].mean(dim=1)
        assert torch.equal(flow.state_dict()[stem], torch.stack([grey, grey], dim=1))


@pytest.mark.parametrize("classes", [["a", "b"], ["Jump", "Drink", "Wave"]], ids=["fewer", "another order"])
def test_only_the_head_is_reinitialised_for_other_classes(classes, tmp_path):
    network, path = small("tpn", seed=1), tmp_path / "checkpoint.safetensors"
    stated = {
        "network": {"arch": "tpn", "frames": FRAMES, **SMALL["tpn"]},
        "in_channels": 3,
        "classes": CLASSES,
    }
    save_checkpoint(path, network, {**stated, "seen": SEEN.as_json()})
    other = small("tpn", classes=len(classes))
    fresh = {name: value.clone() for name, value in other.state_dict().items()}
    account, _ = start_from(other, path, OURS, classes)
    assert account["renewed"] == ["head.project.weight", "head.project.bias"]
    for name, value in other.state_dict().items():
        source = fresh if name in account["renewed"] else network.state_dict()
        assert torch.equal(value, source[name])


@pytest.mark.parametrize("part", [b"in_channels", None], ids=["metadata", "weights"])
def test_a_damaged_checkpoint_of_ours_starts_no_network(part, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    stated = {"network": {"arch": "tpn", "frames": FRAMES, **SMALL["tpn"]}, "in_channels": 3}
    save_checkpoint(path, small("tpn", seed=1), {**stated, "classes": CLASSES})
    content = bytearray(path.read_bytes())
    content[content.index(part) if part else -1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors is damaged: its .* rm "):
        start_from(small("tpn"), path, OURS, CLASSES)


def test_mmaction2s_head_sees_the_fast_pathway_first():
    head = torch.arange(10.0)[None]
    fast = {"backbone.fast_path.layer4.0.downsample.conv.weight": torch.zeros(2, 1, 1, 1, 1)}
    turned = rearranged({**fast, "cls_head.fc_cls.weight": head}, "mmaction2")["cls_head.fc_cls.weight"]
    assert turned.tolist() == [[2, 3, 4, 5, 6, 7, 8, 9, 0, 1]]


def test_pyslowfasts_bias_before_a_normalisation_is_folded_into_it():
    norm = torch.nn.BatchNorm3d(4).eval()
    norm.running_mean.uniform_()
    x, bias = torch.randn(2, 4, 1, 2, 2), torch.rand(4)
    expected = norm(x + bias[:, None, None, None])
    place = "s3.pathway0_nonlocal1"
    folded = rearranged(
        {f"{place}.conv_out.bias": bias, f"{place}.bn.running_mean": norm.running_mean}, "pyslowfast"
    )
    norm.running_mean.copy_(folded.pop(f"{place}.bn.running_mean"))
    assert not folded and torch.allclose(norm(x), expected, atol=1e-6)


def test_without_an_entry_nothing_is_done():
    assert start_from(small("tpn"), [], None, CLASSES) == (None, Seen())


def test_another_network_and_another_naming_are_refused(tmp_path):
    path = foreign_file(small("slowfast"), "pyslowfast", tmp_path / "there.pyth")
    with pytest.raises(
        ValueError, match="another network, or of another naming: 0 % of the network are in it"
    ):
        start_from(small("slowfast"), path, OURS, CLASSES)
    with pytest.raises(ValueError, match="another network"):
        start_from(small("csn"), path, {**OURS, "naming": "pyslowfast"}, CLASSES)
    with pytest.raises(ValueError, match=r"shapes differ: .* in the file \[8, 3, 1, 7, 7\]"):
        start_from(small("slowfast", slow_stem=[1, 5, 5]), path, {**OURS, "naming": "pyslowfast"}, CLASSES)
    with pytest.raises(ValueError, match="unknown naming 'caffe2'; known"):
        foreign_name("head", "caffe2")


class Code:
    """Code that a pickle would run if it were read carelessly."""

    def __reduce__(self):
        return os.mkdir, (os.environ["EVIL"],)


@pytest.mark.parametrize(
    "write", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))], ids=["torch", "pickle"]
)
def test_code_in_a_file_is_refused_and_not_run(write, tmp_path, monkeypatch):
    monkeypatch.setenv("EVIL", str(tmp_path / "was here"))
    write({"state_dict": Code()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="could be code"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"PK\x03\x04 cut off"], ids=["empty", "a page", "cut off"]
)
def test_other_files_than_weights_are_refused(content, tmp_path):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"w\.pth: not read"):
        read_weights(tmp_path / "w.pth")


def test_a_file_without_weights_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"no weights; its entries are \['epoch'\]"):
        read_weights(tmp_path / "w.pth")
