"""
model.json: everything that must be known of a network to use it, but for its weights.

A sealed JSON file. It is compared with the files beside it and checked, never obeyed: it names no code that is run, and
no file outside its folder.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ukdlib.artifacts.sealed_json import read_json, write_json

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


@dataclass(frozen=True)
class Description:
    """
    name; classes: C names; network: arch and options; modality: fields of ukdlib.learning.augment.Modality; frames:
    how they are made from the video on (ukdlib.deploy.preparation); reading: {fps (None = as it comes),
    max_megapixels}; recipe: SETTINGS; calibration: {temperature, curve} or None; weights: SHA-256 of
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


def write_description(path: str | Path, description: Description) -> None:
    """As model.json."""
    write_json(path, {"format": FORMAT, **asdict(description)})


def read_description(folder: str | Path) -> Description:
    """That of a model folder; ValueError if it is none."""
    path = Path(folder) / FILE
    if not path.is_file():
        raise ValueError(f"{folder}: not a model: there is no {FILE} in it")
    stated = read_json(path)
    if (version := stated.pop("format", None)) != FORMAT:
        raise ValueError(f"{path}: it has format {version}; this version of ukd reads format {FORMAT}")
    expected = {field.name for field in fields(Description)}
    if stated.keys() != expected:
        raise ValueError(f"{path}: it has {sorted(stated)}; expected were {sorted(expected)}")
    return Description(**stated)
