"""Figures: the same bytes twice, what they show, and refusals with names."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ukdlib.frames.store import open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.knowledge.logits import LogitRows
from ukdlib.results.calibration import calibrate
from ukdlib.results.figures.catalogue import FIGURES, draw
from ukdlib.results.figures.gallery import gallery, pick_clips
from ukdlib.results.figures.results import accuracy, classes, confusion, ladder, reliability, risk, sweeps
from ukdlib.results.figures.style import font_families, save, spread, without_control
from ukdlib.results.figures.training import confidence, cost, curves, weights

CLASSES = ["Jump", "Run", "Walk"]
PAPER = {"baseline": 67.4}


def metrics(role="teachers", top1=0.5, counts=((2, 1, 1), (0, 4, 0), (1, 1, 2)), names=CLASSES):
    counts = np.array(counts)
    return {
        "role": role,
        "top1": top1,
        "interval": [top1 - 0.1, top1 + 0.1],
        "per_class": dict.fromkeys(names, 0.0),
        "confusion": counts.tolist(),
    }


def rows(seed, teachers="rgb,flow", videos=12, folds=None):
    rng = np.random.default_rng(seed)
    first = rng.uniform(size=(videos, 1)).astype(np.float32)
    ids, labels = np.array([f"v{i:02d}" for i in range(videos)]), np.arange(videos) % 3
    logits = rng.normal(size=(videos, 3)).astype(np.float32)
    return LogitRows(
        ids,
        np.zeros(videos, int),
        labels,
        logits,
        CLASSES,
        {"teachers": teachers},
        np.hstack([first, 1 - first]),
        folds=folds,
    )


UNSEEN = np.arange(12) % 2  # the fold that each row comes from


def history(seed):
    noise = np.random.default_rng(seed).uniform(size=4)
    return pd.DataFrame({"epoch": range(4), "cross_entropy": 2 - noise, "top1": noise})


def costs():
    table = [("stored", 0, 1.0, 1, 100), ("stored", 2, 1.0, 1, 100), ("online", 2, 3.0, 3, 200)]
    return pd.DataFrame(table, columns=["mode", "teachers", "seconds_per_step", "ratio", "peak_memory_mb"])


def swept():
    names = ["baseline", "tau 5", "tau 20"]
    return pd.DataFrame({"top1": [50.0, 55, 60], "low": [45.0, 50, 55], "high": [55.0, 60, 65]}, index=names)


def climbed():
    return swept().assign(step=[np.nan, 5, 5], step_low=[np.nan, 1, -2], step_high=[np.nan, 9, 12])


ARMS = {"baseline": [metrics()], "UKD": [metrics("students", 0.6), metrics("students", 0.7)]}
DRAWN = {
    "accuracy": lambda: accuracy(ARMS, PAPER),
    "ladder": lambda: ladder({"steps": [climbed()]}, {"steps": "One change at a time"}),
    "classes": lambda: classes(ARMS),
    "confusion": lambda: confusion(ARMS),
    "reliability": lambda: reliability({"baseline": [rows(0)], "UKD": [rows(1), rows(2)]}),
    "risk": lambda: risk({"baseline": [calibrate(rows(0), rows(1))], "UKD": [calibrate(rows(1), rows(2))]}),
    "curves": lambda: curves({"baseline": [history(0)], "UKD": [history(1), history(2)]}),
    "weights": lambda: weights({"gtd": [rows(0)], "ukd": [rows(1), rows(2)]}),
    "cost": lambda: cost({"cost": [costs()]}),
    "confidence": lambda: confidence(
        {name: [rows(0), rows(1, folds=UNSEEN), rows(2, folds=UNSEEN)] for name in ("rgb", "flow")}
    ),
    "sweeps": lambda: sweeps(
        {"temperature": [swept()], "mass": [swept()]}, {"temperature": "baseline", "mass": "baseline"}
    ),
}


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize("name", DRAWN)
def test_same_numbers_same_bytes_and_nothing_loaded(name, tmp_path):
    first, second = str(tmp_path / "a.svg"), str(tmp_path / "b.svg")
    save(DRAWN[name](), first, "synthetic")
    save(DRAWN[name](), second, "synthetic")
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    assert b"<svg" in content and b"<text" not in content  # text is drawn: no font is needed to read it
    assert b'href="http' not in content and b"<dc:date>" not in content and b"Matplotlib" not in content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "b.svg"]


@pytest.mark.parametrize("name", DRAWN)
def test_every_arm_is_named(name):
    words = " ".join(texts(DRAWN[name]()))
    arms = {
        "weights": ["gtd", "ukd", "rgb", "flow"],
        "cost": ["stored logits", "teachers in memory"],
        "confidence": ["rgb, in-sample", "flow, out-of-fold"],
        "ladder": ["One change at a time", "baseline", "tau 5", "tau 20"],
        "sweeps": ["temperature", "mass", "tau 5", "tau 20", "baseline"],
    }
    for arm in arms.get(name, ["baseline", "UKD"]):
        assert arm in words


def test_every_figure_is_drawn_here():
    assert set(DRAWN) == set(FIGURES)


def test_a_figure_is_drawn_from_the_files_of_its_runs(tmp_path):
    for seed in (1, 2):
        history(seed).to_csv(tmp_path / f"{seed}.csv", index=False)
    save(draw("curves", {"UKD": [str(tmp_path / f"{seed}.csv") for seed in (1, 2)]}), str(tmp_path / "a.svg"))
    save(curves({"UKD": [history(1), history(2)]}), str(tmp_path / "b.svg"))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_accuracy_shows_the_mean_of_the_runs():
    words = texts(accuracy(ARMS, PAPER))
    assert "50.0" in words and "65.0" in words and "paper, ARID v1.5" in words
    assert "paper, ARID v1.5" not in texts(accuracy(ARMS, {}))


def test_confusion_rows_sum_to_a_hundred():
    matrix = confusion({"UKD": [metrics(), metrics()]}).axes[0].images[0].get_array()
    np.testing.assert_allclose(matrix.sum(axis=1), 100)
    np.testing.assert_allclose(matrix[0], [50, 25, 25])


def test_classes_are_sorted_by_gain():
    better = metrics(
        "students", counts=((2, 1, 1), (2, 2, 0), (0, 0, 4))
    )  # Jump 50, Run 100 -> 50, Walk 50 -> 100
    axes = classes({"baseline": [metrics()], "UKD": [better]}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Walk", "Jump", "Run"]
    assert [text.get_text() for text in axes.texts] == ["gain", "+50", "0", "\N{MINUS SIGN}50"]


def test_arms_of_other_classes_are_refused():
    other = metrics(names=["Jump", "Walk", "Run"])
    with pytest.raises(ValueError, match=r"'UKD' has classes \['Jump', 'Walk', 'Run'\]"):
        confusion({"baseline": [metrics()], "UKD": [other]})


def test_weights_without_their_teachers_are_refused():
    with pytest.raises(ValueError, match=r"'ukd'.*\['rgb', 'flow', 'dark'\]"):
        weights({"ukd": [rows(0, teachers="rgb,flow,dark")]})


def test_other_file_kinds_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"cost\.pdf.*\.svg or \.png"):
        save(DRAWN["cost"](), str(tmp_path / "cost.pdf"))


def test_installed_fonts_come_after_the_bundled_one():
    assert font_families([]) == font_families(["Comic Sans MS"]) == ["DejaVu Sans"]
    assert font_families(["WenQuanYi Zen Hei", "DejaVu Sans", "Noto Sans CJK JP"]) == [
        "DejaVu Sans", "Noto Sans CJK JP", "WenQuanYi Zen Hei"
    ]  # fmt: skip


def test_names_are_spread_without_leaving_their_order():
    np.testing.assert_allclose(spread([0.0, 1.0], 0.5, 0, 1), [0.0, 1.0])
    np.testing.assert_allclose(spread([0.5, 0.5], 0.2, 0, 1), [0.4, 0.6])
    np.testing.assert_allclose(spread([0.9, 1.0, 0.1], 0.2, 0, 1), [0.8, 1.0, 0.1])
    places = np.random.default_rng(0).uniform(size=8)
    moved = spread(places, 0.1, 0, 1)
    assert (np.argsort(moved) == np.argsort(places)).all() and np.diff(np.sort(moved)).min() > 0.1 - 1e-9
    assert moved.min() >= -1e-9 and moved.max() <= 1 + 1e-9


def test_gallery_picks_test_clips_of_every_class():
    names = [f"{name}_{i}" for name in CLASSES for i in range(5)]
    labels = np.repeat([0, 1, 2], 5)
    subset = ["train", "test", "test", "val", "test"] * 3
    subsets = pd.DataFrame({"video_id": names, "label": labels, "subset": subset})
    clips = pick_clips(subsets, CLASSES, 2)
    assert clips == pick_clips(subsets.sample(frac=1, random_state=1), CLASSES, 2)
    assert [name for name, _ in clips] == ["Jump", "Jump", "Run", "Run", "Walk", "Walk"]
    assert all(video.startswith(name) and video[-1] in "124" for name, video in clips)
    assert len(pick_clips(subsets, CLASSES, 4)) == 9  # a class shows what it has
    with pytest.raises(ValueError, match="no class has a test video"):
        pick_clips(subsets[subsets["subset"] == "train"], CLASSES, 4)


def test_gallery_draws_ten_images_per_clip(tmp_path):
    rng = np.random.default_rng(0)
    stores = []
    for name, channels in {"dark": 3, "rgb": 3, "flow": 2}.items():
        path = str(tmp_path / f"{name}.arrow")
        write_shard(
            path, ["v0", "v1"], lambda _, c=channels: rng.integers(0, 255, (6, 24, 32, c), dtype=np.uint8)
        )
        stores.append(open_shards([path]))
    figure = gallery([("Jump", "v0"), ("Run", "v1")], *stores, 20.0)
    assert sum(len(axes.images) for axes in figure.axes) == 2 * 10 + 1  # and the wheel
    save(figure, str(tmp_path / "a.png"))
    save(gallery([("Jump", "v0"), ("Run", "v1")], *stores, 20.0), str(tmp_path / "b.png"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_confidence_is_the_mean_probability_of_the_true_class():
    one = rows(0)
    powers = np.exp(one.logits)
    sure = (powers / powers.sum(axis=1, keepdims=True))[np.arange(12), one.labels]
    right = (one.logits.argmax(axis=1) == one.labels).mean()
    words = texts(confidence({"rgb": [rows(1, folds=UNSEEN), one]}))
    assert f"mean {sure.mean():.2f}, top-1 {100 * right:.0f} %" in words


def test_control_characters_do_not_break_a_figure(tmp_path):
    name = "a\tb\x07c\x1b\x9f\ud800--\nd"
    figure = Figure()
    figure.text(0.1, 0.5, name)
    figure.subplots().plot([0, 1], label=name)
    save(figure, str(tmp_path / "a.svg"), note=name)
    ElementTree.parse(tmp_path / "a.svg")
    assert without_control("a\tb\nc") == "a\u2409b\nc"


def test_a_ladder_states_what_each_step_adds():
    words = texts(DRAWN["ladder"]())
    assert {
        "50.0",
        "55.0",
        "60.0",
        "+5.0  [+1.0, +9.0]",
        "+5.0  [-2.0, +12.0]",
        "One change at a time",
    } <= set(words)
    assert sum("[" in word for word in words) == 2, "the first row is no step"
