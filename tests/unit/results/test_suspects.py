"""Tables of suspect labels: what they list, and how planted errors are counted."""

import numpy as np
import pytest

from ukdlib.knowledge.held_out import HeldOut, pool
from ukdlib.results.suspects import pairs_table, planted_table, suspects_table, wilson

CLASSES = ["Jump", "Run", "Walk"]
TRUTH = np.arange(30) % 3
LABELS = np.where(np.arange(30) < 4, (TRUTH + 1) % 3, TRUTH)  # the first four are wrong
IDS = np.array([f"v{i:02d}" for i in range(30)])


def run(sure_of, teachers=2, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.1, (teachers, 30, 3))
    return HeldOut(IDS, LABELS, 3 * np.eye(3)[sure_of] + noise, CLASSES)


def test_the_suspects_are_the_swapped_labels_with_their_evidence():
    table = suspects_table(pool([run(TRUTH)]), CLASSES, {video: f"g{video}" for video in IDS})
    assert sorted(table["video_id"]) == ["v00", "v01", "v02", "v03"]
    by_video = table.set_index("video_id")
    assert list(by_video.loc["v01", ["group", "label", "likely"]]) == ["gv01", "Walk", "Run"]
    assert (
        (by_video["agree"] == 2).all() and (by_video["predictions"] == 2).all() and by_video["counted"].all()
    )
    assert (table["score"].diff().dropna() <= 0).all() and list(table["rank"]) == [1, 2, 3, 4]
    pairs = pairs_table(pool([run(TRUTH)]), CLASSES)
    assert pairs.values.tolist() == [["Run", "Jump", 2], ["Jump", "Walk", 1], ["Walk", "Run", 1]]


def test_runs_of_a_video_are_averaged_and_must_agree_on_its_label():
    once, both = pool([run(TRUTH)]), pool([run(TRUTH), run(TRUTH, seed=1)])
    other = pool([run(TRUTH, seed=1)])
    np.testing.assert_allclose(both.probabilities, (once.probabilities + other.probabilities) / 2)
    assert (both.guesses.sum(axis=1) == 4).all()
    with pytest.raises(ValueError, match="video 'v00' has labels 1 and 0 in two splits"):
        pool([run(TRUTH), run(TRUTH)._replace(labels=TRUTH)])


def test_planted_errors_are_found_out_of_fold_and_not_by_networks_that_have_learnt_them():
    listed = dict(zip(IDS.tolist(), TRUTH.tolist(), strict=True))
    rows = planted_table(run(TRUTH), run(LABELS), listed, "some")
    table = {row["ranking"]: row for row in rows}
    best = table["out of fold, score"]
    assert (best["planted"], best["shown"], best["found"], best["right_class"]) == (4, 4, 4, 4)
    assert best["precision"] == best["recall"] == 1
    assert table["in sample, loss"]["found"] < 4
    assert table["counted by confident learning"]["found"] == 4


def test_files_of_other_videos_are_refused():
    other = run(LABELS)._replace(video_ids=IDS[::-1])
    with pytest.raises(ValueError, match="not of the same videos"):
        planted_table(run(TRUTH), other, dict(zip(IDS.tolist(), TRUTH.tolist(), strict=True)), "some")


def test_wilson_intervals_are_the_published_ones():
    """Newcombe, Statistics in Medicine 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605)}
    published |= {(0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (hits, count), interval in published.items():
        np.testing.assert_allclose(wilson(hits, count), interval, atol=5e-5)
    assert wilson(0, 0) == (0, 1)
