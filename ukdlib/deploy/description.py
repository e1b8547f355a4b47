"""
model.json: everything that must be known of a network to use it, but for its weights.

A sealed JSON file. It is compared with the files beside it and checked, never obeyed: it names no code that is run, and
no file outside its folder.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ukdlib.artifacts.provenance import config_hash
from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.frames.encoding import ENCODERS
from ukdlib.learning.views import CROP_POSITIONS
from ukdlib.settings.data_checks import TRANSFORM_KEYS

FILE, WEIGHTS, ONNX, ONNX_FACTS, CARD = (
    "model.json",
    "model.safetensors",
    "model.onnx",
    "onnx.json",
    "README.md",
)
FORMAT = 1  # of model.json; a reader refuses others
SETTINGS = (
    "frames",
    "stride",
    "crop",
    "test_short_side",
    "test_clips",
    "test_crops",
)  # of a recipe, needed for use
LARGEST = 10_000  # any of these; a model that asks for more is a mistake, or worse


@dataclass(frozen=True)
class Description:
    """
    name; classes: C names; network: arch and options; modality: fields of ukdlib.learning.augment.Modality; frames:
    how they are made from the video on (ukdlib.deploy.preparation); reading: {fps (None = as it comes),
    max_megapixels}; recipe: SETTINGS; calibration: {temperature, curve, n} or None; weights: SHA-256 of
    model.safetensors; about: what it was trained and tested on, for people.
    """

    name: str
    classes: list[str]
    network: dict[str, Any]
    modality: dict[str, Any]
    frames: list[dict[str, Any]]
    reading: dict[str, Any]
    recipe: dict[str, Any]
    calibration: dict[str, Any] | None
    weights: str
    about: dict[str, Any]

    @property
    def span(self) -> int:
        """Frames from the first to the last of a window."""
        return (self.recipe["frames"] - 1) * self.recipe["stride"] + 1

    @property
    def temperature(self) -> float:
        """Of the calibration; 1 without."""
        return self.calibration["temperature"] if self.calibration else 1.0

    @property
    def function(self) -> str:
        """A hash of all that a graph of it depends on."""
        made_of = (
            self.network,
            self.modality,
            self.frames,
            self.recipe,
            self.temperature,
            self.weights,
            self.classes,
        )
        return config_hash({"function": made_of})


def write_description(path: str | Path, description: Description) -> None:
    """As model.json."""
    write_json(path, {"format": FORMAT, **asdict(description)})


def read_description(folder: str | Path) -> Description:
    """That of a model folder; ValueError, with the place and what is allowed, if it is none or says what cannot be."""
    path = Path(folder) / FILE
    if not path.is_file():
        raise ValueError(f"{folder}: not a model: there is no {FILE} in it")
    stated = sealed(path, ("format",))
    if (version := stated.pop("format")) != FORMAT:
        raise ValueError(f"{path}: it has format {version}; this version of ukd reads format {FORMAT}")
    expected = {field.name for field in fields(Description)}
    if stated.keys() != expected:
        raise ValueError(f"{path}: it has {sorted(stated)}; expected were {sorted(expected)}")
    try:
        problem = next(_problems(stated), None)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        problem = f"a part is missing or of another kind: {type(error).__name__} {error}"
    if problem:
        raise ValueError(f"{path}: {problem}")
    return Description(**stated)


def sealed(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """A sealed JSON file of a model with at least these keys; ValueError if it is missing or was changed."""
    if not path.is_file():
        raise ValueError(f"{path}: missing; the model is not complete, so get it again")
    try:
        content = read_json(path)
    except ValueError:
        raise ValueError(f"{path}: damaged or changed by hand; get the model again") from None
    if missing := [key for key in keys if key not in content]:
        raise ValueError(f"{path}: {', '.join(missing)} is missing; get the model again")
    return content


def _problems(stated: dict[str, Any]) -> Iterator[str]:
    """Each value that cannot be, in words."""
    classes, reading, recipe = stated["classes"], stated["reading"], stated["recipe"]
    if not isinstance(stated["name"], str) or not isinstance(stated["about"], dict):
        yield f"name is {stated['name']!r} and about {type(stated['about']).__name__}; a text and an object are needed"
    if not isinstance(classes, list) or not classes or not all(isinstance(each, str) for each in classes):
        yield "classes must be a list of one name or more"
    elif len(set(classes)) < len(classes):
        yield "classes has a name twice"
    yield from _numbers("recipe", recipe, SETTINGS, whole=True)
    if recipe["test_crops"] not in CROP_POSITIONS:
        yield f"recipe.test_crops is {recipe['test_crops']}; allowed are {sorted(CROP_POSITIONS)}"
    if recipe["crop"] > recipe["test_short_side"]:
        yield f"recipe.crop is {recipe['crop']}, more than test_short_side, which is {recipe['test_short_side']}"
    yield from _numbers("reading", reading, ["max_megapixels"] + ["fps"] * (reading["fps"] is not None))
    yield from _steps(stated["frames"])
    if stated["calibration"] is not None:
        yield from _numbers("calibration", stated["calibration"], ["temperature"])
        points = stated["calibration"]["curve"]
        if not points or not all({"threshold", "coverage", "risk"} <= point.keys() for point in points):
            yield "calibration.curve must have points with threshold, coverage and risk"
    if not isinstance(stated["network"]["arch"], str) or not isinstance(stated["weights"], str):
        yield "network.arch and weights must be texts"
    for key in ("flow", "moving"):
        if not isinstance(stated["modality"][key], bool):
            yield f"modality.{key} must be true or false"


def _numbers(place: str, values: dict[str, Any], keys: Sequence[str], whole: bool = False) -> Iterator[str]:
    for key in keys:
        value, kinds = values[key], (int,) if whole else (int, float)
        if (
            not isinstance(value, kinds)
            or isinstance(value, bool)
            or not (0 < value <= LARGEST)
            or math.isnan(value)
        ):
            kind = "whole number" if whole else "number"
            yield f"{place}.{key} is {value!r}; it must be a {kind} above 0, at most {LARGEST}"


def _steps(frames: list[dict[str, Any]]) -> Iterator[str]:
    if not frames:
        yield "frames must have a step or more"
    for number, step in enumerate(frames):
        if step["transform"] not in TRANSFORM_KEYS or step["codec"] not in ENCODERS:
            yield (
                f"frames[{number}] has transform {step['transform']!r} and codec {step['codec']!r}; known: "
                f"{', '.join(TRANSFORM_KEYS)}; {', '.join(ENCODERS)}"
            )
        elif missing := [
            key for key in (*TRANSFORM_KEYS[step["transform"]], "short_side") if key not in step
        ]:
            yield f"frames[{number}] lacks {', '.join(missing)}"
