"""Downloaded weights: complete and with the stated hash, or not kept at all."""

import hashlib

import pytest

from ukdlib.pretrained.download import address_of, fetch


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "there" / "weights.pth"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_of_the_stated_hash_is_kept(served, tmp_path, digits):
    target = tmp_path / "results/weights/mine"
    fetch(served.as_uri(), hashlib.sha256(b"weights").hexdigest()[:digits], target, "weights.mine")
    assert target.read_bytes() == b"weights" and [p.name for p in target.parent.iterdir()] == ["mine"]


def test_other_bytes_are_deleted(served, tmp_path):
    target = tmp_path / "mine"
    with pytest.raises(
        ValueError, match=r"weights\.mine: file://.* has the sha256 [0-9a-f]{64}, not 00000000"
    ):
        fetch(served.as_uri(), "00000000", target, "weights.mine")
    assert not list(tmp_path.glob("mine*"))


def test_without_a_network_the_manual_way_is_named(tmp_path):
    with pytest.raises(
        OSError, match=r"weights\.mine: http.* cannot be downloaded: .* set `file:` to its path"
    ):
        fetch("http://127.0.0.1:9/w.pth", "00000000", tmp_path / "mine", "weights.mine")
    assert not list(tmp_path.iterdir())


def test_the_hash_may_be_in_the_file_name():
    url = "https://example.org/slowfast_r50_4x16x1_kinetics400-rgb_20220901-701b0f6f.pth"
    assert address_of("weights.a", {"url": url}) == (url, "701b0f6f")
    assert address_of("weights.a", {"url": url, "sha256": "ab" * 32}) == (url, "ab" * 32)


def test_names_that_the_libraries_publish():
    url, digits = address_of("weights.a", {"enum": "R3D_18_Weights.KINETICS400_V1"})
    assert url.startswith("https://") and url.endswith("/models/r3d_18-b3b3357e.pth") and digits == "b3b3357e"
    stated = {"enum": "pytorchvideo/slowfast_r50", "sha256": "12345678"}
    assert address_of("weights.a", stated)[0].endswith("kinetics/SLOWFAST_8x8_R50.pyth")


@pytest.mark.parametrize(
    "entry, message",
    [
        ({"enum": "pytorchvideo/slowfast_r50"}, r"weights\.a lacks 'sha256'"),
        (
            {"enum": "pytorchvideo/slowfast"},
            r"weights\.a\.enum is 'pytorchvideo/slowfast'; known: .*'slowfast_r50'",
        ),
        ({"enum": "R3D_Weights"}, r"known: .*'R3D_18_Weights.KINETICS400_V1'"),
        ({"url": "https://example.org/MVIT_B_32x3_f294077834.pyth"}, "without it the file cannot be checked"),
    ],
)
def test_refusals(entry, message):
    with pytest.raises(ValueError, match=message):
        address_of("weights.a", entry)
