"""A folder that is a model, from a checkpoint and what the pipeline knows of it: weights, model.json, card."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from ukdlib.artifacts.sealing import beside, sha256
from ukdlib.deploy.card import write_card
from ukdlib.deploy.description import CARD, FILE, SETTINGS, WEIGHTS, Description, write_description
from ukdlib.learning.checkpoints import read_checkpoint
from ukdlib.learning.seen import Seen

SAME_RATE = 0.01  # share by which frame rates may differ and still be one


def package(
    folder: str | Path,
    checkpoint: str | Path,
    stated: Mapping[str, Any],
    measured: Sequence[Mapping[str, Any]],
) -> Description:
    """
    Write model.safetensors, model.json and README.md into `folder`.

    stated: {name, dataset, note, reading {fps, max_megapixels}, rates (of the
    clips of its data set), licence}.
    measured: the calibration of its validation clips (None without any) and the metrics of its test clips.
    """
    weights, metadata = read_checkpoint(checkpoint)
    calibration, metrics = measured
    target = Path(folder) / WEIGHTS
    with beside(target) as part:
        save_file(weights, part, {"format": "pt"})
        Path(part).chmod(0o644)  # safetensors lets only the owner read
    description = Description(
        name=stated["name"],
        classes=metadata["classes"],
        network=metadata["network"],
        modality=metadata["modality"],
        frames=_steps(metadata["frames"]),
        reading={**stated["reading"], "fps": stated["reading"]["fps"] or common_rate(stated["rates"])},
        recipe={key: metadata["recipe"][key] for key in SETTINGS},
        calibration={key: calibration[key] for key in ("temperature", "curve", "n")} if calibration else None,
        weights=sha256(target),
        about={
            "dataset": stated["dataset"],
            "note": stated["note"],
            "licence": stated["licence"],
            "start": (metadata["start"] or {}).get("note", "random weights"),
            "seen": len(Seen.stated(checkpoint, metadata).videos),
            "seed": metadata["seed"],
            "checkpoint": sha256(checkpoint),
        },
    )
    write_description(Path(folder) / FILE, description)
    write_card(Path(folder) / CARD, description, calibration, metrics)
    return description


def common_rate(rates: Sequence[float]) -> float | None:
    """The frame rate of all clips, None if they differ: then a window is a number of frames, however long."""
    if not rates:
        return None
    low, high = min(rates), max(rates)
    return float(sorted(rates)[len(rates) // 2]) if high <= (1 + SAME_RATE) * low else None


def _steps(frames: str) -> list[dict[str, Any]]:
    """The steps that make stored frames; `moving` is computed from them, as the network sees them."""
    absent = {"short_side": None, "codec": "raw", "backend": "numba"}
    return [{**absent, **step} for step in json.loads(frames) if step["transform"] != "moving"]
