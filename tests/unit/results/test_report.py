"""The report: opens offline, escapes what it is given, is the same bytes twice, refuses what is wrong."""

import base64
from collections import OrderedDict
from pathlib import Path

import pytest

from ukdlib.results.report import (
    environment,
    loads_from_elsewhere,
    read_figures,
    read_leaks,
    read_rejected,
    read_table,
    read_warnings,
    write_report,
)

ROOT = Path(__file__).parents[3]
TEMPLATE = (ROOT / "ukdlib/results/report.html.j2").read_text()
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'
TABLE = '<title>t</title><style>figure { margin: 0 }</style>\n<figure class="table"><p>41.0</p></figure>\n'


@pytest.fixture
def parts(tmp_path):
    (tmp_path / "accuracy.svg").write_text(SVG)
    (tmp_path / "table1.html").write_text(TABLE)
    (tmp_path / "rejected.csv").write_text("video_id,reason\n")
    return {
        "title": "Dark <actions>",
        "note": "Darkroom: synthetic",
        "tables": [read_table(str(tmp_path / "table1.html"))] * 2,
        "figures": read_figures(
            [str(tmp_path / "accuracy.svg")], {"accuracy": "Accuracy & more. Look right."}
        ),
        "data_tables": [],
        "data_figures": [],
        "warnings": {"nearly black": ["v9"]},
        "leaks": [],
        "rejected": read_rejected([str(tmp_path / "rejected.csv")]),
        "config": OrderedDict(run=OrderedDict(seeds=[0, 1]), group="^<b>"),
        "environment": environment(
            {"numpy": {"2.4.6": ["fuse_logits"]}, "torch": {"1": ["a", "b"], "2": ["c"]}}
        ),
        "mixed": ["torch"],
    }


def written(folder, parts):
    write_report(str(folder / "report.html"), TEMPLATE, **parts)
    return (folder / "report.html").read_text()


def test_opens_offline(tmp_path, parts):
    page = written(tmp_path, parts)
    assert loads_from_elsewhere(page) == [] and "http" not in page
    assert base64.b64encode(SVG.encode()).decode() in page
    assert not (tmp_path / "report.html.part").exists()


def test_same_results_same_bytes(tmp_path, parts):
    assert written(tmp_path, parts) == written(tmp_path, parts)


def test_texts_are_escaped_and_tables_are_not(tmp_path, parts):
    page = written(tmp_path, parts)
    assert "Dark &lt;actions&gt;" in page and "<b>Accuracy &amp; more.</b> Look right." in page
    assert "^&lt;b&gt;" in page
    assert page.count('<figure class="table"><p>41.0</p></figure>') == 2
    assert page.count("figure { margin: 0 }") == 1


def test_says_what_it_is_made_of(tmp_path, parts):
    page = written(tmp_path, parts)
    assert page.count("Darkroom: synthetic") >= 1
    assert "None: every listed video was read and used." in page
    assert "seeds:\n  - 0" in page or "seeds:\n- 0" in page or "- 0\n  - 1" in page
    assert "numpy" in page and "2.4.6" in page and "Several versions of torch were used" in page
    assert parts["environment"]["torch"] == "1 (a, b); 2 (c)"


def test_rejected_videos_are_named_with_reasons(tmp_path, parts):
    (tmp_path / "rejected.csv").write_text(
        "video_id,reason\nRun_2,empty file\nRun_1,empty file\nSit_1,no video\n"
    )
    rejected = read_rejected([str(tmp_path / "rejected.csv")])
    assert rejected == {"empty file": ["Run_1", "Run_2"], "no video": ["Sit_1"]}
    page = written(tmp_path, {**parts, "rejected": rejected})
    assert "empty file: 2 videos" in page and "Run_1, Run_2" in page and "no video: 1 video<" in page


def test_warnings_and_leaks_are_shown(tmp_path, parts):
    (tmp_path / "warnings.csv").write_text("what,warning\nSit_1,nearly black\nlist.txt,lists 3 videos\n")
    (tmp_path / "split1").mkdir()
    (tmp_path / "split1/leaks.csv").write_text(
        "video,subset,same_frames_as,in_subset\nRun_1,train,Run_9,test\n"
    )
    warnings, leaks = (
        read_warnings([str(tmp_path / "warnings.csv")]),
        read_leaks([str(tmp_path / "split1/leaks.csv")]),
    )
    assert warnings == {"nearly black": ["Sit_1"], "lists 3 videos": ["list.txt"]}
    page = written(tmp_path, {**parts, "warnings": warnings, "leaks": leaks})
    assert "nearly black: 1 video<" in page and "split1: Run_1 (train) and Run_9 (test)" in page
    assert "inflates every number" in page and "inflates every number" not in written(tmp_path, parts)
    (tmp_path / "warnings.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match="needed: what, warning"):
        read_warnings([str(tmp_path / "warnings.csv")])


@pytest.mark.parametrize(
    "load",
    [
        '<img src="https://x.org/a.png">',
        '<img src="figures/a.svg">',
        '<link rel="stylesheet" href="a.css">',
        "<script>1</script>",
        "<iframe></iframe>",
        "<style>@import 'a.css'</style>",
        "<style>p { background: url(https://x.org/a.png) }</style>",
        '<p style="background: url(a.png)">',
        '<svg><image xlink:href="a.png"/></svg>',
    ],
)
def test_a_page_that_loads_something_is_refused(load, tmp_path, parts):
    assert loads_from_elsewhere(load)
    (tmp_path / "bad.html").write_text(TABLE.replace("41.0", load))
    with pytest.raises(ValueError, match=r"report\.html: must open offline"):
        written(tmp_path, {**parts, "tables": [read_table(str(tmp_path / "bad.html"))]})
    assert not (tmp_path / "report.html").exists()


def test_links_within_the_page_do_not_count_as_loads():
    assert (
        loads_from_elsewhere(
            '<a href="#tables">x</a><img src="data:image/png;base64,AA=="><p>src=http://x</p>'
        )
        == []
    )


def test_images_without_caption_or_of_other_kinds_are_refused(tmp_path):
    for name in ("cost.svg", "accuracy.pdf"):
        (tmp_path / name).write_text(SVG)
        with pytest.raises(ValueError, match=rf"{name}.*captions are for \['accuracy'\]"):
            read_figures([str(tmp_path / name)], {"accuracy": "Accuracy."})


def test_files_that_are_not_a_table_or_list_are_refused(tmp_path):
    (tmp_path / "table1.html").write_text("<table></table>")
    with pytest.raises(ValueError, match=r"table1\.html: not the page of a table"):
        read_table(str(tmp_path / "table1.html"))
    (tmp_path / "rejected.csv").write_text("video,why\n")
    with pytest.raises(ValueError, match=r"rejected\.csv: columns are \['video', 'why'\]"):
        read_rejected([str(tmp_path / "rejected.csv")])


def test_missing_part_is_refused(tmp_path, parts):
    del parts["config"]
    with pytest.raises(ValueError, match="needs config as well"):
        written(tmp_path, parts)


@pytest.mark.parametrize("path", sorted((ROOT / "rules/captions").glob("*.rst")), ids=lambda p: p.stem)
def test_captions_begin_with_a_title(path):
    title, _, text = path.read_text().partition(". ")
    assert 0 < len(title) < 100 and text.strip().endswith(".")
