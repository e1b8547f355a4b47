"""The card of a model: README.md with the metadata that the Hugging Face Hub reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ukdlib.artifacts.sealing import beside
from ukdlib.deploy.description import Description
from ukdlib.deploy.preparation import needs_whole_clip

OWN = "apache-2.0"  # licence of what was trained from nothing, or from this project's weights

USE = """\
In an environment with ukd (`pip install .` in a checkout of its repository):

    ukd predict {folder} clip.mp4                     # what is in it
    ukd predict {folder} long.mp4 --hop 0.5           # when
{live}
```python
from ukdlib.deploy import load
model = load("{folder}")
probabilities = model(pictures)  # (T, H, W, 3) RGB, uint8, {rate}: one for each of {count} classes
```"""


def write_card(
    path: str | Path,
    description: Description,
    calibration: Mapping[str, Any] | None,
    metrics: Mapping[str, Any],
) -> None:
    """calibration: as ukdlib.results.calibration.calibrate makes it; metrics: of the test clips."""
    parts = [
        f"---\n{_metadata(description, metrics)}---",
        f"# {description.name}",
        _summary(description),
        "## How to use it",
        USE.format(
            folder=description.name,
            rate=_rate(description),
            count=len(description.classes),
            live=_live(description),
        ),
        "## How good it is",
        _metrics(metrics, description),
        _classes(metrics),
        _calibration(calibration),
        "## What it must not be used for",
        _limits(description),
        "## How it was made",
        _origin(description),
    ]
    with beside(path) as part:
        Path(part).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _metadata(description: Description, metrics: Mapping[str, Any]) -> str:
    """As the Hub's model cards have it: https://huggingface.co/docs/hub/model-cards."""
    result = {
        "task": {"type": "video-classification"},
        "dataset": {"name": description.about["dataset"], "type": description.about["dataset"]},
        "metrics": [{"type": "accuracy", "value": round(metrics["top1"], 4), "name": "top-1"}],
    }
    stated = {
        "library_name": "ukd",
        "pipeline_tag": "video-classification",
        "license": description.about["licence"],
        "tags": ["action-recognition", "low-light", "knowledge-distillation"],
        "model-index": [{"name": description.name, "results": [result]}],
    }
    return yaml.safe_dump(stated, sort_keys=False, allow_unicode=True)


def _summary(description: Description) -> str:
    recipe, rate = description.recipe, description.reading["fps"]
    length = f"{description.span / rate:.1f} s" if rate else f"{description.span} frames"
    return (
        f"Recognises {len(description.classes)} actions in dark video: {', '.join(description.classes)}. It sees "
        f"windows of {length}, {recipe['frames']} frames of {recipe['crop']} x {recipe['crop']} pixels, as "
        f"`{description.modality['name']}`."
    )


def _live(description: Description) -> str:
    if needs_whole_clip(description.frames):
        return "\nNot for streams: its frames depend on those that follow.\n"
    return f"    ukd predict {description.name} 0                            # the first camera\n"


def _rate(description: Description) -> str:
    rate = description.reading["fps"]
    return f"{rate:g} frames per second" if rate else "at the rate it was filmed"


def _metrics(metrics: Mapping[str, Any], description: Description) -> str:
    low, high = metrics["interval"]
    note = f" {description.about['note']}." if description.about["note"] else ""
    return (
        f"Top-1 {_percent(metrics['top1'])} % [{_percent(low)}, {_percent(high)}] on {metrics['n']} test clips of "
        f"{description.about['dataset']}, split {metrics['split']}, {len(set(metrics['groups']))} groups, none of "
        f"which it was trained on; interval: 95 %, bootstrap over groups.{note}"
    )


def _classes(metrics: Mapping[str, Any]) -> str:
    """Of each class the share of its clips that were recognised, and what they were taken for most often otherwise."""
    names = list(metrics["per_class"])
    rows = ["| class | test clips | recognised, % | most often taken for |", "| --- | --- | --- | --- |"]
    for number, (name, counts) in enumerate(zip(names, metrics["confusion"], strict=True)):
        share = metrics["per_class"][name]
        wrong = [0 if other == number else count for other, count in enumerate(counts)]
        taken = f"{_cell(names[wrong.index(max(wrong))])} ({max(wrong)})" if any(wrong) else "-"
        rows.append(
            f"| {_cell(name)} | {sum(counts)} | {'-' if share is None else _percent(share)} | {taken} |"
        )
    return "\n".join(rows)


def _calibration(calibration: Mapping[str, Any] | None) -> str:
    if calibration is None:
        return (
            "It is not calibrated: its data set has no validation clips. Take its probabilities for scores."
        )
    before, after = calibration["test"]["before"], calibration["test"]["after"]
    return (
        f"Calibrated on {calibration['n']} validation clips with the temperature {calibration['temperature']:.2f}: "
        f"expected calibration error on the test clips {before['ece']:.3f} -> {after['ece']:.3f}, negative log "
        f'likelihood {before["nll"]:.3f} -> {after["nll"]:.3f}. `--abstain RISK` answers "unsure" where more than that '
        "share of the validation answers were wrong."
    )


def _limits(description: Description) -> str:
    note = description.about["note"]
    first = f"{note}. " if note else ""
    return (
        f"{first}It answers with one of its {len(description.classes)} classes whatever it is shown: people doing "
        "anything else, no people, other cameras, other light. Test it on footage of your own before you rely on it, "
        "and do not decide about people by it."
    )


def _origin(description: Description) -> str:
    about = description.about
    return (
        f"`{description.network['arch']}`, started from {about['start']}, trained with seed {about['seed']}; it and "
        f"its start have seen {about['seen']} clips. Checkpoint SHA-256 `{about['checkpoint']}`. Everything that is "
        f"needed to use it is in `model.json`. {_licence(description)}"
    )


def _licence(description: Description) -> str:
    if description.about["licence"] == OWN:
        return "Licence: Apache-2.0, as the code's."
    return f"Licence: that of the weights that it started from ({description.about['start']}) applies."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
