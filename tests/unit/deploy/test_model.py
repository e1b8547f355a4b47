"""A packaged model gives the pipeline's logits, with either engine; what is not a whole model is refused by name."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.deploy.conftest import CALIBRATION, CHAIN, CLASSES, NETWORK, RECIPE, STATED, film, make_model
from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.deploy import load
from ukdlib.deploy.description import read_description
from ukdlib.deploy.engines import Choice
from ukdlib.deploy.graph import recogniser
from ukdlib.deploy.packaging import common_rate
from ukdlib.frames.corrections import correct
from ukdlib.knowledge.export import numbered_views, predict
from ukdlib.learning.augment import Modality
from ukdlib.learning.kept import FramesInMemory


@pytest.fixture(scope="module")
def pictures():
    """uint16 (19, 24, 40, 3)."""
    return np.random.default_rng(1).integers(0, 9000, (19, 24, 40, 3), np.uint16)


def pipeline_logits(folder, frames):
    """Of the test views of one video with these frames, as the pipeline exports them."""
    description = read_description(folder)
    network = recogniser(folder / "model.safetensors", description).network
    store = FramesInMemory({"a": frames})
    samples = numbered_views(store, ["a"] * 6, np.arange(6), "test", RECIPE)
    setting = RECIPE, Modality(**description.modality), CLASSES
    return np.concatenate(list(predict(network, store, samples, setting)))


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("turned", [False, True])
def test_logits_are_those_of_the_pipeline(packaged, pictures, engine, turned):
    """Frames that are wide and tall: crops lie along the long side."""
    filmed = pictures.swapaxes(1, 2) if turned else pictures
    frames = correct(filmed, "gamma", gamma=2.5)
    model = load(packaged, engine, Choice("cpu"))
    expected = pipeline_logits(packaged, frames)
    assert np.abs(model.test_logits(list(frames)) - expected).max() <= 1e-4 * expected.std() + 1e-6
    assert np.array_equal(np.stack(list(model.frames(lambda: filmed))), frames)


def test_probabilities_are_the_calibrated_mean_over_views(packaged, pictures):
    model = load(packaged, "torch", Choice("cpu"))
    logits = model.test_logits(list(model.frames(lambda: pictures))).astype(float)
    powers = np.exp(logits)
    mean = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0) ** (1 / 1.5)
    assert model(pictures) == pytest.approx(mean / mean.sum(), rel=1e-5)
    assert model.threshold(0.1) == 0.9 and model.threshold(0.25) == 0.3


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 8, 8), np.uint8), np.zeros((4, 8, 8, 3)), np.zeros((4, 8, 8, 2), np.uint8)]
)
def test_what_are_no_pictures_is_refused(packaged, wrong):
    with pytest.raises(ValueError, match=r"uint8 or uint16 pictures \(T, H, W, 3\)"):
        load(packaged, "torch", Choice("cpu"))(wrong)


def test_a_model_of_flow_needs_nothing_but_pictures(tmp_path, pictures):
    flow = {
        "of": "rgb",
        "transform": "tvl1",
        "preset": "fast",
        "bound": 20,
        "backend": "opencv",
        "codec": "raw",
        "short_side": 20,
    }
    model = load(make_model(tmp_path / "flow", chain=[CHAIN[0], flow], channels=2), "torch", Choice("cpu"))
    assert next(model.frames(lambda: pictures)).shape == (20, 33, 2)
    assert model(pictures).sum() == pytest.approx(1)


def test_a_model_that_was_not_calibrated_says_so(tmp_path):
    model = load(make_model(tmp_path / "plain", calibration=None), "torch", Choice("cpu"))
    assert model.description.temperature == 1
    with pytest.raises(ValueError, match="not calibrated"):
        model.threshold(0.1)
    assert "It is not calibrated" in (tmp_path / "plain/README.md").read_text()


def test_the_rate_is_that_of_all_clips_or_none():
    assert common_rate([15.0, 15.1]) == 15.1 and common_rate([30.0]) == 30.0
    assert common_rate([15.0, 30.0]) is None
    assert common_rate([29.97, 30.0]) == 30.0


def test_the_card_has_the_metadata_of_the_hub_and_what_was_measured(packaged):
    import yaml

    text = (packaged / "README.md").read_text()
    stated = yaml.safe_load(text.split("---")[1])
    assert stated["pipeline_tag"] == "video-classification" and stated["license"] == "apache-2.0"
    assert stated["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.5
    assert "Top-1 50.0 % [25.0, 75.0] on 4 test clips" in text and "| Sit | 2 | 50.0 | Wave (1) |" in text
    assert "Licence: Apache-2.0" in text and "{" not in text.split("```")[2]
    assert "| Wave | 0 | - | - |" in text and "0.200 -> 0.100" in text and "synthetic" in text


# ---------------------------------------------------------------- what is refused


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ValueError, match=r"not a model: there is no model\.json in it"):
        load(tmp_path)


def test_another_format_is_refused_and_a_damaged_description(model_folder):
    stated = read_json(model_folder / "model.json")
    write_json(model_folder / "model.json", {**stated, "format": 99})
    with pytest.raises(ValueError, match="format 99; this version of ukd reads format 1"):
        load(model_folder)
    write_json(model_folder / "model.json", {key: value for key, value in stated.items() if key != "classes"})
    with pytest.raises(ValueError, match=r"expected were .*classes"):
        load(model_folder)
    (model_folder / "model.json").write_text(json.dumps({**stated, "checksum": 1}))
    with pytest.raises(ValueError, match="damaged or changed by hand; get the model again"):
        load(model_folder)


WRONG = [
    ({"classes": None}, "classes must be a list"),
    ({"classes": "abc"}, "classes must be a list"),
    ({"classes": ["a", "b", "a"]}, "a name twice"),
    ({"calibration": {**CALIBRATION, "temperature": 0}}, r"calibration\.temperature is 0"),
    ({"calibration": {**CALIBRATION, "temperature": float("nan")}}, "temperature is nan"),
    ({"calibration": {**CALIBRATION, "curve": []}}, r"calibration\.curve must have points"),
    ({"calibration": []}, "a part is missing or of another kind"),
    ({"recipe": {**RECIPE, "test_crops": 2}}, r"test_crops is 2; allowed are \[1, 3\]"),
    ({"recipe": {**RECIPE, "crop": 40}}, "more than test_short_side"),
    ({"recipe": {**RECIPE, "test_clips": 200_000}}, "at most 10000"),
    ({"recipe": {}}, "a part is missing"),
    ({"reading": {"fps": -5, "max_megapixels": 9}}, r"reading\.fps is -5"),
    ({"frames": []}, "frames must have a step"),
    ({"frames": [{"transform": "magic", "codec": "raw"}]}, "transform 'magic'"),
    ({"frames": [{"transform": "gamma", "codec": "raw", "short_side": None}]}, "lacks gamma"),
    ({"modality": {}}, "a part is missing"),
    ({"name": 5}, "name is 5"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_a_description_that_cannot_be_is_refused_by_its_value(model_folder, change, sentence):
    stated = read_json(model_folder / "model.json")
    write_json(model_folder / "model.json", {**stated, **change})
    with pytest.raises(ValueError, match=sentence):
        load(model_folder)


def test_another_number_of_classes_than_the_networks_is_refused(model_folder):
    stated = read_json(model_folder / "model.json")
    for classes in (["a", "b"], ["a", "b", "c", "d"]):
        write_json(model_folder / "model.json", {**stated, "classes": classes})
        for engine, sentence in (
            ("torch", "not the weights of the network"),
            ("onnx", "made from another network"),
        ):
            with pytest.raises(ValueError, match=sentence):
                load(model_folder, engine, Choice("cpu"))


@pytest.mark.parametrize(("engine", "file"), [("torch", "model.safetensors"), ("onnx", "model.onnx")])
def test_a_damaged_exchanged_or_missing_file_is_refused(model_folder, engine, file):
    content = bytearray((model_folder / file).read_bytes())
    content[-5] ^= 1
    (model_folder / file).write_bytes(content)
    with pytest.raises(ValueError, match="damaged or exchanged"):
        load(model_folder, engine, Choice("cpu"))
    (model_folder / file).unlink()
    with pytest.raises(ValueError, match=file):
        load(model_folder, engine, Choice("cpu"))


def test_a_graph_of_other_weights_is_refused(model_folder):
    facts = read_json(model_folder / "onnx.json")
    write_json(model_folder / "onnx.json", {**facts, "model": "0" * 12})
    with pytest.raises(ValueError, match="made from another network"):
        load(model_folder, "onnx", Choice("cpu"))


def test_own_code_runs_only_if_that_is_asked_for(model_folder):
    """A model.json that names code of somebody."""
    stated = read_json(model_folder / "model.json")
    write_json(model_folder / "model.json", {**stated, "network": {"arch": "antigravity:fly"}})
    with pytest.raises(ValueError, match="antigravity:fly, code that is not part of ukd"):
        load(model_folder, "torch", Choice("cpu"))
    assert "antigravity" not in sys.modules
    facts = read_json(model_folder / "onnx.json")  # as if it had been exported from that network
    write_json(model_folder / "onnx.json", {**facts, "model": read_description(model_folder).function})
    assert load(model_folder, "onnx", Choice("cpu")).engine.name == "onnx"


def test_engines_and_devices(packaged):
    assert load(packaged, "auto", Choice("cpu")).engine.name == "onnx"
    with pytest.raises(ValueError, match="unknown engine 'tf'; known: auto, torch, onnx"):
        load(packaged, "tf")
    with pytest.raises(ValueError, match="--engine torch with --device cuda"):
        load(packaged, "onnx", Choice("cuda"))


ALONE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "pytorchvideo", "snakemake", "pandas"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Absent())
from ukdlib.deploy.command import main
code = main(sys.argv[1:])
assert not {"torch", "snakemake", "pandas"} & set(sys.modules)
sys.exit(code)
"""


def test_onnx_runtime_and_pyav_are_enough(packaged, tmp_path):
    """Without torch, Snakemake or pandas."""
    path = film(tmp_path / "a.mp4")
    command = [
        sys.executable,
        "-c",
        ALONE,
        "predict",
        str(packaged),
        path,
        "--engine",
        "onnx",
        "--hop",
        "0.4",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "a.mp4" in done.stdout, done.stderr


def test_the_example_of_the_documentation_runs(packaged, tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[3] / "docs/deploy.md").read_text()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/night").symlink_to(packaged)
    film(tmp_path / "clip.mp4")
    exec(text.split("```python\n")[1].split("```")[0], {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) >= 5 and said[0].split()[0] in CLASSES and said[-1].endswith(tuple(CLASSES))


def test_the_example_of_the_card_runs(packaged, pictures):
    """The Python lines of README.md, on the pictures of a clip."""
    text = (packaged / "README.md").read_text()
    lines = text.split("```python\n")[1].split("```")[0].replace('load("night")', f"load({str(packaged)!r})")
    names = {"pictures": pictures}
    exec(lines, names)
    assert names["probabilities"].shape == (len(CLASSES),) and STATED["name"] in text
    assert NETWORK["arch"] in text
