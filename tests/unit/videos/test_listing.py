"""The user's own lists: class names in any script, stated groups and subsets; invalid lines are reported."""

import unicodedata

import pytest

from ukdlib.videos.annotations import Annotation
from ukdlib.videos.listing import is_table, list_folders, not_listed, read_table


@pytest.fixture
def table(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "list.csv"
        path.write_bytes(text.encode())
        return str(path)

    return write


def test_classes_are_the_labels_that_occur(table):
    read = read_table(table("video,label\nb.mp4,走る\na.mp4,Öffnen\nc.mp4,走る\n"))
    assert read.classes == ["Öffnen", "走る"]
    assert read.annotations == [
        Annotation("b", "b.mp4", 1),
        Annotation("a", "a.mp4", 0),
        Annotation("c", "c.mp4", 1),
    ]
    assert read.subsets == read.groups == {}


@pytest.mark.parametrize("text", [
    "﻿video,label\r\na.mp4,x\r\n",  # as a spreadsheet writes it: byte order mark, CRLF
    "Video , LABEL\na.mp4, x \n\n",
    'video,label\n"a.mp4","x"',
])  # fmt: skip
def test_files_saved_by_spreadsheets_are_read(text, table):
    path = table(text)
    assert is_table(path) and read_table(path).annotations == [Annotation("a", "a.mp4", 0)]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_may_have_any_separator_of_spreadsheets_and_any_order(mark, table):
    rows = [("group", "label", "video"), ("g", "x, y; z", "a,b;c.mp4")]
    path = table("\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows))
    assert is_table(path)
    read = read_table(path)
    assert read.classes == ["x, y; z"] and read.annotations[0].path == "a,b;c.mp4"
    assert list(read.groups.values()) == ["g"]


def test_an_unclosed_quotation_mark_is_reported(table):
    with pytest.raises(ValueError, match=r"list\.csv:\d+: field larger than .*not closed"):
        read_table(table('video,label\n"a.mp4,x\n' + "b.mp4,x\n" * 20_000))


def test_names_may_hold_commas_quotes_and_line_ends(table):
    read = read_table(table('video,label\n"a, ""b""\nc.mp4",x\n'))
    assert read.annotations[0].path == 'a, "b"\nc.mp4'


def test_subsets_and_groups_are_taken(table):
    read = read_table(
        table("label,video,group,subset\nx,a.mp4,g1,train\nx,b.mp4,g2,test\n").replace(
            "label,video", "label,video"
        )
    )
    assert read.groups == {"a": "g1", "b": "g2"} and read.subsets == {"a": "train", "b": "test"}


def test_given_classes_allow_numbers_and_restrict_labels(table):
    path = table("video,label\na.mp4,1\nb.mp4,Walk\n")
    assert [a.label for a in read_table(path, ["Run", "Walk"]).annotations] == [1, 1]
    with pytest.raises(ValueError, match=r"list\.csv:2: label '1'; known are Run"):
        read_table(path, ["Run"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("video\na.mp4\n", r":1: the header is \['video'\]; it must be video, label"),
        ("video,label,fps\na.mp4,x,3\n", r":1: the header is .*'fps'"),
        ("video,label,label\na.mp4,x,x\n", r":1: the header is"),
        ("video,label\n", "lists no videos"),
        ("video,label\na.mp4\n", ":2: 1 columns, the header has 2"),
        ("video,label\na,b.mp4,x\n", ":2: 3 columns, the header has 2"),
        ("video,label\n,x\n", ":2: video is empty"),
        ("video,label\na.mp4,\n", ":2: label is empty"),
        ("video,label\na.mp4,x\na.mp4,y\n", r":3: 'a\.mp4' is already in .*:2"),
        ("video,label\n../a.mp4,x\n", r":2: '\.\./a\.mp4' must be a path below"),
        ("video,label\n/etc/a.mp4,x\n", ":2: .* must be a path below"),
        ("video,label\nC:/a.mp4,x\n", ":2: .* must be a path below"),
        ("video,label,subset\na.mp4,x,extra\n", ":2: subset 'extra'; known are train, val, test, other"),
        ("video,label,group\na.mp4,x,g\nb.mp4,x,\n", "some videos have a group and some have none"),
    ],
)  # fmt: skip
def test_invalid_lines_are_reported_with_their_number(text, complaint, table):
    with pytest.raises(ValueError, match=complaint):
        read_table(table(text))


def test_arids_lists_are_not_such_a_table(table):
    assert not is_table(table("0\t1\tWalk/a.avi\n")) and not is_table(
        table("VideoID,Video,ClassID\n0,0.mp4,1\n")
    )
    assert not is_table(table(""))


def test_a_folder_is_a_class(table):
    read, warnings = list_folders(["Walk/a.mp4", "Run/x/b.mp4", "走る/c.mp4", "loose.mp4"])
    assert read.classes == ["Run", "Walk", "走る"]
    assert read.annotations == [
        Annotation("Walk/a", "Walk/a.mp4", 1),
        Annotation("Run/x/b", "Run/x/b.mp4", 0),
        Annotation("走る/c", "走る/c.mp4", 2),
    ]
    assert warnings == [("loose.mp4", "skipped: not in a class folder")]


def test_folders_of_other_classes_are_skipped_with_a_warning():
    read, warnings = list_folders(["Walk/a.mp4", "Fly/b.mp4"], ["Run", "Walk"])
    assert [a.label for a in read.annotations] == [1]
    assert warnings == [("Fly/b.mp4", "skipped: not in a class folder")]


def test_files_that_no_list_names_are_found_by_stem():
    decomposed = unicodedata.normalize("NFD", "Walk/é.mp4")
    assert not_listed(["Walk/é.mp4"], [decomposed]) == []
    assert not_listed(["Walk/a.avi"], ["Walk/a.mp4", "Walk/b.mp4", "a.mp4"]) == ["Walk/b.mp4", "a.mp4"]


def test_only_mp4_and_avi_are_equivalent_in_any_letter_case():
    found = ["a.MP4", "a.avi", "a.mov", "b.MOV"]
    assert not_listed(["a.mp4", "b.mov"], found) == ["a.mov"]
    assert not_listed(["a.AVI"], found) == ["a.mov", "b.MOV"]


@pytest.mark.parametrize(
    "start", ["\n", " \r\n\n", "sep=;\n", "# made by hand\n", "sep=,\r\n\n# by hand, twice\n"]
)
def test_lines_before_the_header_are_skipped_and_counted(start, table):
    path = table(start + "video;label\na.mp4;x\n")
    assert is_table(path) and read_table(path).annotations == [Annotation("a", "a.mp4", 0)]
    line = start.count("\n") + 3
    with pytest.raises(ValueError, match=rf"list\.csv:{line}: label is empty"):
        read_table(table(start + "video;label\na.mp4;x\nb.mp4;\n"))


def test_spaces_before_a_quoted_cell_are_not_part_of_it(table):
    read = read_table(table('video,label\n "Run/a.mp4", "Run"\n"Run/b, c.mp4", "Run"\n'))
    assert read.classes == ["Run"] and [a.path for a in read.annotations] == ["Run/a.mp4", "Run/b, c.mp4"]


@pytest.mark.parametrize("spelt", ["./Run/a.mp4", "Run//a.mp4", "././Run/./a.mp4"])
def test_one_path_has_one_spelling(spelt, table):
    read = read_table(table(f"video,label\n{spelt},Run\n"))
    assert read.annotations == [Annotation("Run/a", "Run/a.mp4", 0)]
    with pytest.raises(ValueError, match=r":3: 'Run/a\.mp4' is already in .*:2"):
        read_table(table(f"video,label\nRun/a.mp4,Run\n{spelt},Run\n"))


def test_the_subset_other_is_kept_apart_and_makes_no_class(table):
    read = read_table(table("video,label,subset\na.mp4,x,train\nb.mp4,y,test\nc.mp4,z,other\n"))
    assert read.classes == ["x", "y"] and read.subsets == {"a": "train", "b": "test"}
    assert [a.video_id for a in read.annotations] == ["a", "b"] and read.others == ["c.mp4"]
    assert read_table(table("video,label,subset\na.mp4,x,train\nc.mp4,z,other\n"), ["x"]).others == ["c.mp4"]


@pytest.mark.parametrize("header", ["filename,label", "path;class", "a.mp4,Run", "0,Run,a.mp4", "filename"])
def test_a_csv_without_the_header_is_refused_with_its_first_line(header, table):
    path = table(header + "\na.mp4,Run\n")
    first = header.replace(";", ",").split(",")[0]
    with pytest.raises(ValueError, match=rf"list\.csv:1: the header is \['{first}'.*must be video, label"):
        assert is_table(path) and read_table(path)


@pytest.mark.parametrize(
    "line", ["Walk/a.mp4 1", "Walk/a, b.mp4 1", "0\t1\tWalk/a.avi", '"VideoID";"Video";"ClassID"']
)
def test_lists_of_numbers_may_be_called_csv(line, table):
    assert not is_table(table(line + "\n"))


def test_folders_train_and_test_are_subsets_and_those_below_are_classes():
    paths = ["Train/Run/a.mp4", "Train/Walk/x/b.mp4", "test/Run/a.mp4", "val/Run/c.mp4"]
    read, warnings = list_folders([*paths, "test/loose.mp4"])
    assert read.classes == ["Run", "Walk"] and [a.label for a in read.annotations] == [0, 1, 0, 0]
    assert read.subsets == {
        "Train/Run/a": "train", "Train/Walk/x/b": "train", "test/Run/a": "test", "val/Run/c": "val"
    }  # fmt: skip
    assert warnings == [("test/loose.mp4", "skipped: not in a class folder")]


@pytest.mark.parametrize("paths", [
    ["train/a.mp4", "test/b.mp4"],
    ["train/x/a.mp4", "test/x/b.mp4", "Run/x/c.mp4"],
])  # fmt: skip
def test_other_folders_of_these_names_are_classes(paths):
    read, _ = list_folders(paths)
    assert read.classes == sorted({path.partition("/")[0] for path in paths}) and read.subsets == {}


@pytest.mark.parametrize(
    "names", ["training validation testing", "TRAIN Val TEST", "train_set dev eval", "train val test"]
)
def test_subsets_may_be_spelt_as_usual(names, tmp_path):
    folders = names.split()
    read, _ = list_folders([f"{name}/{label}/a.mp4" for name in folders for label in ("Run", "Walk")])
    assert read.classes == ["Run", "Walk"] and set(read.subsets.values()) == {"train", "val", "test"}
    path = tmp_path / "list.csv"
    rows = [f"{k}.mp4,{label},{name}" for k, name in enumerate(folders) for label in ("Run",)]
    path.write_text("\n".join(["video,label,subset", *rows]))
    assert list(read_table(str(path)).subsets.values()) == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("folders", "complaint"),
    [
        (["train", "val"], "the folders train, val look like subsets; needed are train and test"),
        (["Training", "train", "test"], "the folders Training, test, train look like subsets"),
        (["train", "test", "other"], "look like subsets"),
        (
            ["seen", "unseen"],
            "the folders seen, unseen all hold the folders Run, Walk: either may be the classes",
        ),
    ],
)
def test_folders_that_may_be_subsets_are_refused(folders, complaint):
    paths = [f"{name}/{label}/a.mp4" for name in folders for label in ("Run", "Walk")]
    with pytest.raises(ValueError, match=complaint):
        list_folders(paths)


def test_given_classes_say_which_folders_they_are():
    paths = [f"{name}/{person}/a.mp4" for name in ("Run", "Walk") for person in ("anna", "ben")]
    assert list_folders(paths, ["Run", "Walk"])[0].classes == ["Run", "Walk"]
    alone = [*paths, "Run/clara/a.mp4"]  # folders that differ are no sign of anything
    assert list_folders(alone)[0].classes == ["Run", "Walk"]
