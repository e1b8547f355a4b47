"""The record of a calibration: before is what the metrics say, after no answer differs; the table says the same."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.knowledge.logit_files import make_rows
from ukdlib.results.calibration import HEADS, calibrate, risk_at, tabulate, to_html
from ukdlib.results.metrics import evaluate


@pytest.fixture(scope="module")
def rows():
    """Validation and test rows of a network that is too sure."""
    made = [make_rows(videos=60, seed=seed) for seed in (0, 1)]
    return [replace(each, logits=each.logits * np.float32(6)) for each in made]


def test_before_is_what_the_metrics_say(rows):
    val, test = rows
    record = calibrate(val, test)
    for subset, each in (("val", val), ("test", test)):
        found = evaluate(each.video_ids, each.labels, each.logits, each.classes)
        assert record[subset]["before"] == {key: pytest.approx(found[key]) for key in ("nll", "ece")}
        assert record[subset]["top1"] == found["top1"]
    assert record["val"]["after"]["nll"] <= record["val"]["before"]["nll"]
    assert record["n"] == 60 and record["curve"] == record["val"]["curve"]


def test_only_validation_clips_choose_the_temperature(rows):
    val, test = rows
    assert calibrate(val, test)["temperature"] == calibrate(val, val)["temperature"]


def test_the_table_and_its_page(rows):
    table = tabulate({"night": calibrate(*rows), "<b>": calibrate(*rows)})
    assert list(table.columns) == list(HEADS) and table.loc["night"].notna().all()
    page = to_html(table, "Calibration", "synthetic")
    assert "&lt;b&gt;" in page and "synthetic" in page


def test_risk_at_a_coverage():
    curve = [{"coverage": 0.5, "risk": 0.0}, {"coverage": 0.8, "risk": 0.1}, {"coverage": 1.0, "risk": 0.2}]
    assert [risk_at(curve, share) for share in (0.3, 0.5, 0.6, 0.8, 1.0)] == [0.0, 0.0, 0.1, 0.1, 0.2]
    assert np.isfinite(risk_at(curve, 1.0))
