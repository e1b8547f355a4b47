"""CSV for people: what a spreadsheet would compute is text, everything else stays as it is."""

import csv

import pandas as pd

from ukdlib.videos.records import write_csv


def test_formulas_become_text(tmp_path):
    cells = ["=1+1", "@SUM(1)", "+1", "-1", "\t=1", "plain", "a=b", "", "NA"]
    write_csv(tmp_path / "a.csv", pd.DataFrame({"what": cells, "number": [-1.5] * len(cells)}))
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["what"] for row in rows] == [
        "'=1+1",
        "'@SUM(1)",
        "'+1",
        "'-1",
        "'\t=1",
        "plain",
        "a=b",
        "",
        "NA",
    ]
    assert {row["number"] for row in rows} == {"-1.5"}
