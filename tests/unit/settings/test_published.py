"""Clips of published weights: torchvision's as it states them, and a warning if a recipe uses others."""

import copy
import re

import pytest

from tests.unit.settings.test_config import GOOD
from ukdlib.networks import FAMILIES
from ukdlib.networks.huggingface import MODELS as TRANSFORMERS
from ukdlib.networks.torchvision_import import video_models
from ukdlib.networks.torchvision_zoo import MODELS
from ukdlib.settings.published import PUBLISHED, Clip, published_clip, unlike_published


def test_every_published_network_and_every_model_of_torchvision_is_there():
    published = {arch for arch in FAMILIES if re.search(r"_r\d+", arch)}
    assert {name for name in PUBLISHED if "/" not in name} == published
    assert {name for name in PUBLISHED if name.startswith("torchvision")} == {
        f"torchvision/{m}" for m in MODELS
    }
    without = {"vjepa2"}  # its classifiers were not published for a fixed stride
    assert {n.split("/")[1] for n in PUBLISHED if n.startswith("huggingface")} == set(TRANSFORMERS) - without


@pytest.mark.parametrize("model", MODELS)
def test_torchvisions_clips_are_what_its_weights_state(model):
    groups = [v for k, v in vars(video_models()).items() if k.lower() == f"{model}_weights".lower()]
    weights = next(entry for group in groups for entry in group)
    stated = dict(re.findall(r"(frame_rate|clip_len)\D*([\d.]+)", weights.meta["_docs"]))
    frames, stride, crop = PUBLISHED[f"torchvision/{model}"]
    assert frames == int(stated["clip_len"]) and stride == 30 / float(
        stated["frame_rate"]
    )  # Kinetics has 30 a second
    assert crop == weights.transforms.keywords["crop_size"][0]


def test_a_recipe_unlike_the_weights_is_reported_once_for_each_training():
    config = copy.deepcopy(GOOD)
    config["networks"]["tpn"] = {"arch": "tpn_r50", "frames": 8}
    config["teachers"]["rgb"] |= {"network": "tpn", "weights": "k400"}
    config["weights"] = {"k400": {"note": "Kinetics-400", "file": "k400.pth"}}
    assert unlike_published(config) == [
        "teachers.rgb: weights.k400 were trained on 8 frames, 8 apart, at 224 pixels, "
        "recipe train uses 8 frames, 2 apart, at 64 pixels"
    ]
    config["recipes"]["train"] |= {"stride": 8, "crop": 224}
    assert unlike_published(config) == []


def test_networks_without_published_weights_have_no_clip():
    assert published_clip({"arch": "slowfast", "frames": 8}) is None
    assert published_clip({"arch": "torchvision", "model": "s3d"}) == Clip(128, 2, 224)
