"""Tables and figures of what teachers are worth: sums, prices by hand, notes, and one point for each teacher."""

import math

import numpy as np
import pandas as pd
import pytest

from ukdlib.knowledge.held_out import HeldOut
from ukdlib.results.figures.style import save
from ukdlib.results.figures.worth import knowledge_curve, worth
from ukdlib.results.worth import clips_of, curve_table, prices, students_table, worth_table

FUSION = {"method": "pkd", "h": 0.99, "weight_temperature": 1.0, "fuse_as": "probabilities"}
NAMES = ["rgb", "flow", "blind"]


@pytest.fixture
def clips():
    runs = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 4, 40)
        logits = rng.normal(0, 1, (3, 40, 4)) + np.array([2, 1, 0])[:, None, None] * np.eye(4)[labels]
        runs.append(HeldOut(np.array([f"v{i:02d}" for i in range(40)]), labels, logits, list("abcd")))
    groups = {f"v{i:02d}": f"g{i // 4}" for i in range(40)}
    return clips_of(runs, {0: groups, 1: groups})


def test_shares_sum_to_the_whole_and_lie_in_their_intervals(clips):
    table = worth_table(clips, NAMES, FUSION, [1.0, 5.0, 1.0])
    assert table["tau"].tolist() == [1.0] * 5 + [5.0] * 5
    for _, part in table.groupby("tau"):
        value = part.set_index("teacher")["value"]
        np.testing.assert_allclose(part["shapley"].sum(), value["(all)"] - value["(none)"])
        assert value["(none)"] == pytest.approx(-math.log(4))
        own = part.dropna(subset="shapley")
        assert ((own["shapley_low"] < own["shapley"]) & (own["shapley"] < own["shapley_high"])).all()
        assert own.set_index("teacher")["shapley"].idxmax() == "rgb" and (own["sampling_error"] == 0).all()


def test_the_curve_ends_at_the_target_of_all_and_begins_with_the_mean_of_each(clips):
    table = worth_table(clips, NAMES, FUSION, [1.0]).set_index("teacher")
    curve = curve_table(clips, FUSION, [1.0]).set_index(["method", "teachers"])
    assert curve["sets"].tolist() == [3, 3, 1] * 2
    assert curve.loc[("pkd", 3), "cross_entropy"] == pytest.approx(-table.loc["(all)", "value"])
    assert curve.loc[("pkd", 3), "accuracy"] == pytest.approx(table.loc["(all)", "accuracy"])
    for method in ("pkd", "mean"):  # one teacher has all the weight
        assert curve.loc[(method, 1), "cross_entropy"] == pytest.approx(-table.loc[NAMES, "value"].mean())
    assert (curve["lowest"] <= curve["cross_entropy"]).all() and (
        curve["cross_entropy"] <= curve["highest"]
    ).all()


def benchmark(path, seconds, cpu):
    path.write_text(f"s\th:m:s\tcpu_time\n1\t0:00:01\t1\n{seconds}\t0:00:09\t{cpu}\n")
    return str(path)


def test_a_price_is_the_mean_training_and_all_of_the_flow(tmp_path):
    trainings = [benchmark(tmp_path / f"{k}.tsv", s, 2 * s) for k, s in enumerate((10, 20))]
    flow = [benchmark(tmp_path / f"f{k}.tsv", 3, "NA") for k in range(2)]
    files = {"rgb": [trainings, []], "flow": [trainings, flow], "file": [[], []], "gone": [["no.tsv"], []]}
    table = prices(files).set_index("teacher")
    assert table["seconds"].tolist()[:2] == [15, 21] and table["seconds"].isna().tolist()[2:] == [True, True]
    assert table.loc["rgb", "cpu_seconds"] == 30 and np.isnan(table.loc["flow", "cpu_seconds"])


def students(top1):
    runs = {"two": ["rgb", "flow"], "one": ["blind"]}
    return [
        {
            "name": name,
            "teachers": teachers,
            "fusion": FUSION,
            "metrics": [{"top1": top1[name], "interval": [0.1, 0.9]}],
        }
        for name, teachers in runs.items()
    ]


def test_a_student_that_is_better_than_its_target_is_worth_is_named(clips):
    agree, disagree = (
        students_table(students(top1), clips, NAMES)
        for top1 in ({"two": 0.8, "one": 0.5}, {"two": 0.4, "one": 0.5})
    )
    assert agree["student"].tolist() == ["two", "one"] and agree["disagrees"].tolist() == ["", ""]
    assert disagree["disagrees"].tolist() == ["one", ""]
    assert students_table([], clips, NAMES).empty


@pytest.mark.parametrize("alike", [[], students({"two": 0.8, "one": 0.5})])
def test_figures_name_every_teacher_and_are_the_same_twice(clips, tmp_path, alike):
    table = worth_table(clips, NAMES, FUSION, [1.0, 5.0])
    table = table.merge(pd.DataFrame({"teacher": ["rgb", "flow"], "seconds": [10.0, 30]}), "left")
    figure = worth(table)
    for axes in figure.axes:
        assert [text.get_text() for text in axes.texts] == ["rgb", "flow", "blind (price unknown)"]
    curve = curve_table(clips, FUSION, [1.0]), students_table(alike, clips, NAMES)
    for name, drawn in (("a", lambda: worth(table)), ("b", lambda: knowledge_curve(*curve))):
        for number in (1, 2):
            save(drawn(), str(tmp_path / f"{name}{number}.svg"), "note")
        assert (tmp_path / f"{name}1.svg").read_bytes() == (tmp_path / f"{name}2.svg").read_bytes()
