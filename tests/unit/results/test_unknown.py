"""AUROC by hand and by a direct loop; a network that notices, one that does not; intervals by groups."""

import numpy as np
import pytest

from tests.unit.knowledge.logit_files import make_rows
from ukdlib.results.unknown import auroc, separate, tabulate, to_html


def test_auroc_by_hand():
    assert auroc(np.array([3.0, 2.0]), np.array([1.0, 0.0])) == 1.0
    assert auroc(np.array([1.0]), np.array([2.0, 0.0])) == 0.5
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5


def test_auroc_is_that_of_a_direct_loop():
    rng = np.random.default_rng(0)
    higher, lower = rng.integers(0, 6, 40) / 5, rng.integers(0, 6, 31) / 5  # with ties
    pairs = [(a > b) + 0.5 * (a == b) for a in higher for b in lower]
    assert auroc(higher, lower) == pytest.approx(np.mean(pairs))
    assert auroc(lower, higher) == pytest.approx(1 - np.mean(pairs))


def rows(seed, scale, start=0):
    made = make_rows(videos=60, seed=seed)
    made.logits[:] *= scale
    made.video_ids[:] = [
        f"{name.split('_')[0]}_{int(name.split('_')[1]) + start:04d}" for name in made.video_ids
    ]
    return made


def test_who_is_less_sure_of_what_is_unknown_is_seen_to_notice():
    groups = {f"Drink_{number:04d}": str(number % 10) for number in range(200)}
    noticed = separate(rows(0, 8.0), rows(1, 0.5, start=100), groups)
    alike = separate(rows(0, 2.0), rows(1, 2.0, start=100), groups)
    assert noticed["auroc"] > 0.9 and noticed["interval"][0] > 0.8 and noticed["answered"] < 0.3
    assert alike["interval"][0] < 0.5 < alike["interval"][1] and alike["answered"] > 0.8
    assert (noticed["known"], noticed["unknown"]) == (60, 60)
    table = tabulate({"<i>": [noticed, noticed], "RGB": [alike]})
    assert table.loc["<i>", "auroc"] == noticed["auroc"] and "&lt;i&gt;" in to_html(table, "c", "n")


def test_intervals_are_of_groups():
    """With one group for each clip they are narrower than with two groups in all."""
    own = {f"Drink_{number:04d}": str(number) for number in range(200)}
    two = {name: str(number % 2) for number, name in enumerate(own)}
    wide, narrow = (
        separate(rows(0, 4.0), rows(1, 1.0, start=100), groups)["interval"] for groups in (two, own)
    )
    assert wide[1] - wide[0] != narrow[1] - narrow[0]
