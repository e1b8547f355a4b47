"""The report's section on the data: counts that add up, medians by modality, figures that can be drawn."""

import numpy as np
import pandas as pd

from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.results.figures.data import distributions, sheet
from ukdlib.results.figures.style import save
from ukdlib.results.tables.data import (
    FLOW,
    PICTURES,
    count_clips,
    counts_to_html,
    medians,
    medians_to_html,
    sizes,
)

CLASSES = ["Jump & run", "Run", "走る"]
CLIPS = pd.DataFrame(
    {"num_frames": [30, 60, 90], "fps": [30.0, 30.0, 29.97], "height": [240] * 3, "width": [320, 320, 426]}
)


def measured():
    rows = [
        {"video_id": f"v{i}", "modality": m, **dict.fromkeys(keys, float(i) / 10)}
        for i in range(5)
        for m, keys in (("dark", PICTURES), ("flow", FLOW))
    ]
    return pd.DataFrame(rows).reindex(columns=["video_id", "modality", *PICTURES, *FLOW])


def test_counts_add_up_and_every_class_has_a_row():
    subsets = pd.DataFrame({"label": [0, 0, 1, 1], "subset": ["train", "test", "train", "val"]})
    counts = count_clips(subsets, CLASSES)
    assert list(counts.columns) == ["train", "val", "test", "together"] and list(counts.index) == [
        *CLASSES,
        "all",
    ]
    assert counts.loc["all"].tolist() == [2, 1, 1, 4] and counts.loc["走る"].sum() == 0
    page = counts_to_html(counts, "Clips", "a note", sizes(CLIPS))
    assert "Jump &amp; run" in page and "走る" in page and "a note" in page


def test_medians_are_of_the_clips_and_empty_where_a_modality_has_none():
    table = medians(measured())
    assert list(table.index) == ["dark", "flow"]
    assert table.loc["dark", "mean"] == 0.2 and np.isnan(table.loc["dark", "speed"])
    page = medians_to_html(table, "c", "", [])
    assert "nan" not in page and "20.00" in page  # a share of .2, in percent


def test_sizes_are_counted():
    first, second = sizes(CLIPS)
    assert first == "Clips last 1.0 to 3.0 s (median 2.0), 30 to 90 frames."
    assert "320 × 240 (2), 426 × 240 (1)" in second and "30.0 (2), 29.97 (1)" in second


def test_figures_are_the_same_bytes_again(tmp_path):
    frames = {"dark": 3, "flow": 2}
    rng = np.random.default_rng(0)
    stores = {}
    for name, channels in frames.items():
        path = str(tmp_path / f"{name}.arrow")
        write_shard(
            path, ["v0", "v1"], lambda _, c=channels: rng.integers(0, 255, (5, 24, 32, c), dtype=np.uint8)
        )
        stores[name] = open_shards([path])
    for number in "ab":
        save(distributions(CLIPS, measured()), str(tmp_path / f"{number}.svg"))
        drawn = sheet([("A$B_$C", "v0"), ("走る", "v1")], stores, {"flow": 20.0})
        save(drawn, str(tmp_path / f"{number}.png"))
    assert len([axes for axes in drawn.axes if axes.images]) == 4
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
