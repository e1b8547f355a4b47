"""Weights that would leak, or were trained on other pixels, are refused before any job."""

import copy
import re

import pytest

from tests.unit.settings.test_config import GOOD
from ukdlib.settings.checks import check_config
from ukdlib.settings.config import fetched_weights, pretraining_of, settle_weights

OWN = "results/toy/split{split}/seed{seed}/teachers/rgb/checkpoint.safetensors"


def started(file, **more):
    """GOOD with its RGB teacher started from a file."""
    config = copy.deepcopy(GOOD)
    config["weights"] = {"w": {"note": "Kinetics-400", "file": file, **more}}
    config["teachers"]["rgb"]["weights"] = "w"
    return config


@pytest.mark.parametrize(
    "file", ["k400.pth", "results/other/split0/seed0/teachers/rgb/checkpoint.safetensors", OWN]
)
def test_weights_of_other_data_or_of_the_same_split_are_fine(file):
    check_config(started(file))


@pytest.mark.parametrize("dataset", ["toy", "{dataset}"])
def test_the_checkpoint_of_one_split_is_a_leak_on_others(dataset):
    with pytest.raises(
        ValueError, match=r"weights\.w\.file .* teachers\.rgb starts from .* write split\{split\}"
    ):
        check_config(started(OWN.replace("{split}", "0").replace("toy", dataset)))


def test_the_checkpoint_of_a_split_is_a_leak_for_its_folds():
    config = started(OWN)
    config["fusions"]["ukd"]["out_of_fold"] = True
    with pytest.raises(ValueError, match=r"fusions\.ukd is out_of_fold, but teachers\.rgb starts from"):
        check_config(config)


def test_images_are_normalised_as_for_the_weights():
    config = started("k400.pth", mean=0.45)
    config["modalities"]["rgb"]["mean"] = 0.45
    check_config(config)
    config["modalities"]["rgb"]["mean"] = [0.4, 0.4, 0.4]
    message = "trained with mean 0.45, but modalities.rgb.mean is [0.4, 0.4, 0.4]; they must agree"
    with pytest.raises(ValueError, match=re.escape(message)):
        check_config(config)
    del config["teachers"]["rgb"]["weights"]
    config["teachers"]["flow"]["weights"] = "w"  # the codes of flow have no Kinetics mean
    check_config(config)


def test_unknown_names_are_reported():
    with pytest.raises(
        ValueError,
        match=r"weights\.w\.file has \{fold\}; known placeholders: dataset, split, seed, network, modality",
    ):
        check_config(started("{fold}.pth"))
    config = started("k400.pth")
    config["teachers"]["rgb"]["weights"] = "k600"
    with pytest.raises(
        ValueError, match=r"teachers\.rgb\.weights names 'k600', which is not under weights: \[w\]"
    ):
        check_config(config)


def test_tables_state_the_pretraining():
    config = started("k400.pth")
    config["teachers"]["mine"] = {"logits": "mine.parquet"}
    config["fusions"]["all"] = {"teachers": ["rgb", "flow", "mine"]}
    assert pretraining_of(config, "teachers", "rgb") == "Kinetics-400"
    assert pretraining_of(config, "students", "rgb_ukd") == "none"
    assert pretraining_of(config, "fusions", "all") == "Kinetics-400, none, unknown"
    config["weights"] |= {"far": {"note": "", "url": "https://example.org/w.pth"}}
    assert fetched_weights(config) == ["far"]


def test_an_overlay_says_random_to_begin_with_random_weights():
    config = started("k400.pth")
    config["weights"]["other"] = {"note": "x", "file": "x"}
    config["students"]["rgb_ukd"]["weights"] = "other"
    config["weights"]["w"] = "random"
    settle_weights(config)
    assert "weights" not in config["teachers"]["rgb"] and list(config["weights"]) == ["other"]
    assert config["students"]["rgb_ukd"]["weights"] == "other"
    check_config(config)
