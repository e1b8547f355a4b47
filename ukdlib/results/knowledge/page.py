"""
The page on which every clip is a row, to be sorted and filtered: one file that opens offline, or several.

What the page shows is data in it, which its script turns into text, so that no name of a clip or class is ever read
as HTML.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from ukdlib.artifacts.sealing import beside
from ukdlib.results.knowledge.clips import Clips
from ukdlib.results.knowledge.disagreement import disagreement, mean_loss
from ukdlib.results.knowledge.strips import Strips

FIRST = 3  # classes of a target that are shown
TEMPLATE = Path(__file__).with_name("page.html.j2")


def write_pages(
    paths: Sequence[str], clips: Clips, about: Mapping[str, Any], picture: Strips, flow: Strips
) -> None:
    """
    Write the clips to as many pages as there are paths, those on which the teachers disagree most to the first.

    about: what the facts say of themselves (ukdlib.knowledge.facts), and split and seed.
    picture, flow: from a video's name to its strip.
    """
    notes = missing(clips, about)
    for number, order in enumerate(np.array_split(by_disagreement(clips), len(paths))):
        rows = list(clip_rows(clips, order, picture, flow))
        pages = [
            {"name": Path(path).name, "number": place, "here": place == number + 1}
            for place, path in enumerate(paths, start=1)
        ]
        with beside(paths[number]) as part:
            part.write_text(page(rows, about, notes, pages), encoding="utf-8", newline="\n")


def page(
    rows: Sequence[dict], about: Mapping[str, Any], notes: Sequence[str], pages: Sequence[dict] = ()
) -> str:
    """One page, as HTML; rows: of clip_rows. pages: {name, number, here} of all that belong together."""
    named = {name: list(about[name]) for name in ("classes", "teachers")}
    stated = json.dumps({**named, "clips": rows}, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # in a script, where HTML knows no escapes: </script> and <!-- end it, JSON's own escapes do not
    embedded = stated.replace("<", "\\u003c")
    maker = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = maker.from_string(TEMPLATE.read_text(encoding="utf-8"))
    without = sum(row["picture"] is None for row in rows)
    return template.render(
        about=about, notes=notes, pages=pages, without=without, count=len(rows), data=embedded
    )


def by_disagreement(clips: Clips) -> np.ndarray:
    """Numbers (N,) of the clips, those on which the teachers disagree most first; then by name."""
    apart = np.nan_to_num(disagreement(clips.teachers), nan=-1.0)
    return np.lexsort((clips.video_ids, -apart.round(6)))


def clip_rows(clips: Clips, order: np.ndarray, picture: Strips, flow: Strips) -> Iterator[dict[str, Any]]:
    """
    What the page shows of each clip, in this order; None for what is not known.

    apart and loss in nats; teachers: [probability of the label, first guess, its probability, weight, out of fold];
    fused: [class, probability] of the FIRST most probable; student: [probability of the label, first guess, its
    probability].
    """
    teachers = clips.teachers[:, order]
    apart, loss = disagreement(teachers), mean_loss(teachers, clips.labels[order])
    for place, n in enumerate(order.tolist()):
        label = int(clips.labels[n])
        yield {
            "id": str(clips.video_ids[n]),
            "subset": str(clips.subsets[n]),
            "group": str(clips.groups[n]),
            "label": label,
            "apart": _rounded(apart[place]),
            "loss": _rounded(loss[place]),
            "teachers": [
                [*answer(said, label), _rounded(weight), int(held)]
                for said, weight, held in zip(
                    clips.teachers[:, n], clips.weights[:, n], clips.out_of_fold[:, n], strict=True
                )
            ],
            "fused": most_probable(clips.fused[n]),
            "student": answer(clips.student[n], label),
            "picture": picture(str(clips.video_ids[n])),
            "flow": flow(str(clips.video_ids[n])),
        }


def answer(probabilities: np.ndarray, label: int) -> list[float | int | None]:
    """[probability of the label, first guess, its probability] of probabilities (C,)."""
    if np.isnan(probabilities).any():
        return [None, None, None]
    guess = int(probabilities.argmax())
    own = None if label < 0 else _rounded(probabilities[label])
    return [own, guess, _rounded(probabilities[guess])]


def most_probable(probabilities: np.ndarray) -> list[list[float | int | None]] | None:
    """[class, probability] of the FIRST most probable, ties by class number."""
    if np.isnan(probabilities).any():
        return None
    return [[int(c), _rounded(probabilities[c])] for c in np.argsort(-probabilities, kind="stable")[:FIRST]]


def missing(clips: Clips, about: Mapping[str, Any]) -> list[str]:
    """What the page cannot show, and how to get it: a sentence each."""
    training = clips.subsets == "train"
    seen = ~np.isnan(clips.teachers).any(axis=2)
    lacking = [
        name
        for name, predicted, held in zip(about["teachers"], seen, clips.out_of_fold, strict=True)
        if (predicted & ~held & training).any()
    ]
    notes = []
    if lacking and not about["out_of_fold"]:
        notes.append(
            "No out-of-fold predictions: of the training clips each teacher says what it remembers, as it was trained "
            "on them. For predictions by networks that have not seen a clip, set knowledge.out_of_fold: true and, as "
            f"the number of folds, datasets.{about['dataset']}.crossfit in config.yaml, and make this page again. "
            "Teachers that are files of logits have none."
        )
    elif lacking:
        notes.append(
            f"No out-of-fold predictions of {_and(lacking)}: an external teacher has one file of logits, and what it "
            "says of the training clips may be what it remembers of them."
        )
    for name, predicted in zip(about["teachers"], seen, strict=True):
        if not predicted.all():
            notes.append(
                f"{name} has not predicted {len(clips) - int(predicted.sum())} of {len(clips)} clips."
            )
    return notes


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
