"""What a file says of itself predicts the class only if the class is in it."""

import numpy as np
import pandas as pd
import pytest

from ukdlib.results.metadata import give_away, to_html


def clips(rate_of_class=None, seed=0, count=300):
    """(clips, subsets) of three classes with sizes, rates, lengths and codecs by chance, or a rate for each class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    table = pd.DataFrame(
        {
            "video_id": [f"v{k}" for k in range(count)],
            "height": rng.choice([240, 480], count),
            "width": 640,
            "fps": rng.choice([15.0, 30.0], count)
            if rate_of_class is None
            else np.array(rate_of_class)[labels],
            "num_frames": rng.integers(30, 90, count),
            "codec": rng.choice(["h264 yuv420p", "hevc yuv420p10le"], count),
            "label": labels,
        }
    )
    subsets = pd.DataFrame(
        {
            "video_id": table["video_id"],
            "label": labels,
            "subset": rng.choice(["train", "val", "test"], count),
            "group": [f"g{i // 3}" for i in range(count)],
        }
    )
    return table, subsets.sample(frac=1, random_state=0)


def test_a_rate_for_each_class_gives_it_away():
    table = give_away(*clips([15.0, 24.0, 30.0]))
    assert table.loc["frame rate", "accuracy"] == 1 and table.loc["all of these", "accuracy"] > 0.95
    assert table.loc["codec", "accuracy"] < 0.6


def test_chance_is_not_beaten_where_nothing_is_in_it():
    table = give_away(*clips())
    assert (table["low"] <= table["chance"] + 0.05).all()
    assert list(table.index) == ["size", "frame rate", "length", "codec", "all of these"]


def test_one_attribute_follows_bayes_rule():
    """By hand: of two classes, a codec that one has twice and the other never; a class without it is not excluded."""
    table = pd.DataFrame({"video_id": list("abcdef"), "height": 1, "width": 1, "fps": 1.0, "num_frames": 1})
    table["codec"] = ["x", "x", "y", "y", "x", "y"]
    subsets = pd.DataFrame(
        {
            "video_id": list("abcdef"),
            "label": [0, 0, 1, 1, 0, 1],
            "subset": ["train"] * 4 + ["test"] * 2,
            "group": list("abcdef"),
        }
    )
    found = give_away(table, subsets)
    assert found.loc["codec", "accuracy"] == 1.0 and found.loc["size", "accuracy"] == 0.5
    assert found["chance"].tolist() == pytest.approx([0.5] * 5)


def test_a_class_that_is_only_tested_is_no_error():
    table, subsets = clips()
    subsets.loc[subsets["label"] == 2, "subset"] = "test"
    assert give_away(table, subsets).notna().all().all()


def test_the_page_holds_the_shares_in_percent():
    page = to_html(give_away(*clips([15.0, 24.0, 30.0])), "caption", "", [])
    assert "100.0" in page and "frame rate" in page
