"""Tables: numbers worked by hand, refusals with names, escaped HTML."""

import numpy as np
import pandas as pd
import pytest

from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.knowledge.logits import LogitRows, write_logits
from ukdlib.results.metrics import evaluate
from ukdlib.results.tables.accuracy import PAPER, Run, read_metrics, read_rows, summarise, video_values
from ukdlib.results.tables.accuracy_page import to_html, to_markdown, verdict
from ukdlib.results.tables.cost import cost_to_html, growth, widen_cost
from ukdlib.results.tables.page import write_table

CLASSES = ["Jump", "Run"]


def run(correct, split=0, seed=0, videos=None, views=1, groups=None):
    """A run whose videos are named v0, v1, ... unless given."""
    correct = np.asarray(correct, float)
    index = videos or [f"v{i}" for i in range(len(correct))]
    metrics = {"split": split, "seed": seed, "role": "teachers", "name": "rgb", "views": views, "ece": 0.1}
    metrics = {**metrics, "groups": groups or index}
    return Run({**metrics, "top1": correct.mean(), "n": len(correct)}, pd.Series(correct, index=index))


def files(folder, correct, seed=0):
    """Metrics and logits files of one run over videos of alternating class, right or wrong as given."""
    labels = np.arange(len(correct)) % 2
    logits = np.zeros((len(correct), 2), np.float32)
    logits[np.arange(len(correct)), np.where(correct, labels, 1 - labels)] = 2.0
    ids = np.array([f"v{i}" for i in range(len(correct))])
    place = {"dataset": "d", "split": 0, "seed": seed, "role": "students", "name": "ukd"}
    folder.mkdir(exist_ok=True)
    metrics, parquet = folder / "metrics.json", folder / "logits.parquet"
    write_json(metrics, {**place, **evaluate(ids, labels, logits, CLASSES)})
    write_logits(parquet, LogitRows(ids, np.zeros(len(ids), int), labels, logits, CLASSES))
    return [str(metrics), str(parquet)]


def test_one_run_by_hand():
    rows = {"base": [run([1, 0, 0, 0])], "ours": [run([1, 1, 1, 0])]}
    table = summarise(rows, "base", {"ours": 71.3})
    assert table.loc["base", "top1"] == pytest.approx(25) and table.loc["ours", "top1"] == pytest.approx(75)
    assert table.loc["ours", "difference"] == pytest.approx(50)
    assert table.loc["ours", "difference_low"] <= 50 <= table.loc["ours", "difference_high"]
    assert table.loc["ours", PAPER] == 71.3 and np.isnan(table.loc["base", PAPER])
    assert table["sd"].isna().all() and np.isnan(table.loc["base", "difference"])
    assert list(table["n"]) == [4, 4] and set(table["pretraining"]) == {"none"}


def test_sd_is_over_runs_and_intervals_over_videos_and_seeds():
    seeds = [run([1, 1, 0, 0], seed=0), run([1, 1, 1, 1], seed=1)]
    table = summarise({"base": seeds}, "base", {})
    assert table.loc["base", "top1"] == pytest.approx(75)
    assert table.loc["base", "sd"] == pytest.approx(50 / np.sqrt(2))  # of 50 and 100
    assert table.loc["base", "n"] == 4 and table.loc["base", "seed no."] == "0, 1"
    alike = [run([1, 0], seed=0), run([1, 0], seed=1)]  # only videos vary: 0, 1 or 2 of 2 are drawn
    table = summarise({"base": alike}, "base", {})
    assert (table.loc["base", "low"], table.loc["base", "high"]) == (0, 100)
    seeds = [run([1, 1], seed=0), run([0, 0], seed=1)]  # only seeds vary
    table = summarise({"base": seeds}, "base", {})
    assert (table.loc["base", "low"], table.loc["base", "high"]) == (0, 100)


def test_splits_of_unequal_size_count_the_same():
    runs = [run([1, 1, 1, 1], split=0), run([0], split=1, videos=["w0"])]
    assert video_values(runs).mean() == pytest.approx(0.5)  # not 4 of 5
    shared = [run([1, 1], split=0), run([0, 0, 0], split=1)]  # v0 and v1 are in both
    assert len(video_values(shared)) == 3 and video_values(shared).mean() == pytest.approx(0.5)


def test_equal_arms_differ_by_nothing():
    table = summarise({"base": [run([1, 0, 1])], "same": [run([1, 0, 1])]}, "base", {})
    assert list(table.loc["same", ["difference", "difference_low", "difference_high"]]) == [0, 0, 0]


def test_verdict_claims_no_more_than_the_interval():
    many, few = [1] * 90 + [0] * 10, [1] * 30 + [0] * 70
    clear = summarise({"base": [run(few)], "ours": [run(many)]}, "base", {})
    assert "+60.0 points" in verdict(clear, "base") and verdict(clear, "base").endswith("above 0.")
    vague = summarise({"base": [run([1, 0, 1, 0])], "ours": [run([0, 1, 1, 1])]}, "base", {})
    assert "no clear difference" in verdict(vague, "base")
    assert verdict(vague, "ours") == "No row is above ours."


def test_rows_of_other_runs_or_videos_are_refused():
    base = [run([1, 0]), run([1, 0], seed=1)]
    with pytest.raises(ValueError, match=r"'ours' has \(split, seed\) \[\(0, 0\)\]"):
        summarise({"base": base, "ours": [run([1, 0])]}, "base", {})
    with pytest.raises(ValueError, match=r"'ours'.*such as 'v1'"):
        summarise({"base": base[:1], "ours": [run([1, 0], videos=["v0", "x"])]}, "base", {})
    with pytest.raises(ValueError, match=r"'ours' has \(split, seed\)"):
        summarise({"base": base[:1], "ours": [run([1, 0]), run([1, 0])]}, "base", {})


def test_unknown_rows_are_refused():
    with pytest.raises(ValueError, match=r"baseline names \['bse'\]"):
        summarise({"base": [run([1])]}, "bse", {})
    with pytest.raises(ValueError, match=r"paper names \['UKDD'\]"):
        summarise({"base": [run([1])]}, "base", {"UKDD": 71.3})


def test_files_give_the_table(tmp_path):
    pairs = {
        "base": [files(tmp_path / "a", [1, 0, 0, 0]), files(tmp_path / "b", [1, 1, 0, 0], seed=1)],
        "ours": [files(tmp_path / "c", [1, 1, 1, 0]), files(tmp_path / "d", [1, 1, 1, 1], seed=1)],
    }
    metrics, logits = ({label: [pair[i] for pair in runs] for label, runs in pairs.items()} for i in (0, 1))
    table = summarise(read_rows(metrics, logits, {}), "base", {})
    assert table.loc["base", "top1"] == pytest.approx(37.5) and table.loc[
        "ours", "difference"
    ] == pytest.approx(50)


def test_training_accuracy_is_shown_beside_the_test_accuracy(tmp_path):
    metrics, logits = files(tmp_path / "a", [1, 0, 0, 0])
    (tmp_path / "history.csv").write_text("epoch,top1\n0,0.5\n1,0.75\n")
    both = ({label: [path] for label in ("trained", "fused")} for path in (metrics, logits))
    rows = read_rows(*both, {"trained": [str(tmp_path / "history.csv")]})
    table = summarise(rows, "trained", {})
    assert table.loc["trained", "fit"] == pytest.approx(75) and np.isnan(table.loc["fused", "fit"])


def test_logits_of_another_run_are_refused(tmp_path):
    metrics, _ = files(tmp_path / "a", [1, 0, 0, 0])
    _, logits = files(tmp_path / "b", [1, 1, 0, 0])
    with pytest.raises(ValueError, match=r"a/metrics\.json.*0\.2500.*b/logits\.parquet.*0\.5000"):
        read_rows({"base": [metrics]}, {"base": [logits]}, {})


def test_metrics_that_contradict_themselves_are_refused(tmp_path):
    path, _ = files(tmp_path / "a", [1, 0, 0, 0])
    good = read_json(path)
    for damage, message in [
        ({key: value for key, value in good.items() if key != "top1"}, "lacks top1"),
        ({**good, "n": 5}, "4 videos.*n is 5"),
        ({**good, "confusion": [[4]]}, "2 classes"),
    ]:
        write_json(tmp_path / "bad.json", damage)
        with pytest.raises(ValueError, match=rf"bad\.json.*{message}"):
            read_metrics(str(tmp_path / "bad.json"))


def test_html_is_escaped_and_needs_no_other_file():
    label = "<script>alert('x')</script>"
    table = summarise({"a & b": [run([1, 0])], label: [run([1, 1])]}, "a & b", {})
    page = to_html(table, "a & b", "Table <1>", "synthetic & dark")
    assert "<script" not in page and "&lt;script&gt;" in page and "a &amp; b" in page
    assert "synthetic &amp; dark" in page and "Table &lt;1&gt;" in page
    assert "http" not in page and "src=" not in page and "url(" not in page


def test_published_numbers_have_their_own_column():
    table = summarise({"base": [run([1, 0])], "UKD": [run([1, 1])]}, "base", {"UKD": 71.3})
    page = to_html(table, "base", "Table", "")
    assert page.index("paper, ARID v1.5") < page.index("71.3") and "<td>100.0</td>" in page
    assert 'class="note"' not in page


def test_cost_grows_from_the_fewest_teachers_to_the_most():
    rows = [("stored", 0, 1.0, 0.9, 100), ("stored", 1, 1.0, 1.0, 100), ("stored", 64, 1.3, 1.01, 100)]
    rows += [("online", 1, 2.0, 2.0, 150), ("online", 4, 5.0, 5.0, 300)]
    columns = ["mode", "teachers", "seconds_per_step", "ratio", "peak_memory_mb"]
    table = widen_cost(pd.DataFrame(rows, columns=columns))
    assert list(table.index) == [0, 1, 4, 64] and np.isnan(table.loc[0, "online_seconds_per_step"])
    assert growth(table) == (
        "Stored logits, K = 1 to 64: 1.01 times the time and 1.00 times the memory; "
        "teachers in memory, K = 1 to 4: 2.50 times the time and 2.00 times the memory. "
        "Medians over steps, which all cases take in turn."
    )
    page = cost_to_html(table, "Table 4", "")
    assert "14,965 MB" in page and "<td>5.000</td>" in page
    assert "too few" in growth(table.loc[[0, 1]])
    assert "teachers in memory" not in growth(table.loc[[0, 1, 64]])


def test_csv_and_page_are_written_whole(tmp_path):
    table = summarise({"base": [run([1, 0])]}, "base", {})
    csv, page = str(tmp_path / "t.csv"), str(tmp_path / "t.html")
    write_table(table, csv, {page: "<p>"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "t.html"]
    again = pd.read_csv(csv, index_col="row")
    assert again.loc["base", "top1"] == 50 and PAPER in again.columns


def test_markdown_has_the_numbers_of_the_page_and_no_broken_columns():
    table = summarise({"a | b": [run([1, 0])], "UKD": [run([1, 1])]}, "a | b", {"UKD": 71.3})
    text = to_markdown(table, "a | b", "Table", "synthetic")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4 and len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "**UKD** | **100.0**" in text and "71.3" in text and "(synthetic)" in text


def test_the_calibration_error_and_the_p_value_are_beside_the_accuracy():
    rows = {"base": [run([1, 0, 0, 0, 0, 0])], "ours": [run([1, 1, 1, 1, 1, 1])]}
    table = summarise(rows, "base", {})
    assert table.loc["ours", "ece"] == pytest.approx(10) and np.isnan(table.loc["base", "p"])
    assert table.loc["ours", "p"] == pytest.approx(2 / 2**5)  # five videos for ours, none against


def test_many_seeds_are_a_range_and_a_table_without_published_numbers_has_no_column_for_them():
    rows = {"base": [run([1, 0], seed=seed) for seed in range(5)]}
    table = summarise(rows, "base", {})
    assert table.loc["base", "seed no."] == "0 – 4"
    assert PAPER not in to_html(table, "base", "Table", "")
    assert PAPER in to_html(summarise(rows, "base", {"base": 67.4}), "base", "Table", "")


def test_steps_are_differences_to_the_row_before():
    rows = {"base": [run([1, 0, 0, 0])], "more": [run([1, 1, 0, 0])], "most": [run([1, 1, 1, 1])]}
    table = summarise(rows, "base", {}, steps=True)
    assert table["step"].tolist()[1:] == [25, 50] and np.isnan(table["step"].iloc[0])
    assert table.loc["most", "difference"] == 75
    against = summarise({key: rows[key] for key in ("more", "most")}, "more", {})
    assert table.loc["most", "step_low"] == against.loc["most", "difference_low"]
    page = to_markdown(table, "base", "Ladder", "")
    assert "points above the row before" in page and "points above" not in to_markdown(
        against, "more", "T", ""
    )


def test_the_number_of_clips_without_labels_is_stated_where_there_are_any():
    plain, taught = run([1, 0]), run([1, 1])
    taught.metrics["source"] = {"unlabelled": "990"}
    table = summarise({"base": [plain], "ours": [taught]}, "base", {})
    assert table["clips without labels"].tolist() == ["0", "990"]
    assert "clips without labels" in to_html(table, "base", "Table", "")
    assert "clips without labels" not in to_html(
        summarise({"base": [plain]}, "base", {}), "base", "Table", ""
    )
