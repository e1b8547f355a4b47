"""Lists of one's own: class names in any script, stated groups and subsets; what cannot be right is told."""

import unicodedata

import pytest

from ukdlib.annotations import Annotation
from ukdlib.listing import is_table, list_folders, not_listed, read_table


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
def test_what_spreadsheets_make_of_it_is_read(text, table):
    path = table(text)
    assert is_table(path) and read_table(path).annotations == [Annotation("a", "a.mp4", 0)]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_may_be_set_apart_as_spreadsheets_do_anywhere_and_in_any_order(mark, table):
    rows = [("group", "label", "video"), ("g", "x, y; z", "a,b;c.mp4")]
    path = table("\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows))
    assert is_table(path)
    read = read_table(path)
    assert read.classes == ["x, y; z"] and read.annotations[0].path == "a,b;c.mp4"
    assert list(read.groups.values()) == ["g"]


def test_a_quotation_mark_left_open_is_told(table):
    with pytest.raises(ValueError, match=r"list\.csv:\d+: field larger than .*left open"):
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


def test_given_classes_allow_numbers_and_hold_labels_to_themselves(table):
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
        ("video,label\n", "names no video"),
        ("video,label\na.mp4\n", ":2: 1 columns, the header has 2"),
        ("video,label\na,b.mp4,x\n", ":2: 3 columns, the header has 2"),
        ("video,label\n,x\n", ":2: video is empty"),
        ("video,label\na.mp4,\n", ":2: label is empty"),
        ("video,label\na.mp4,x\na.mp4,y\n", r":3: 'a\.mp4' is already in .*:2"),
        ("video,label\n../a.mp4,x\n", r":2: '\.\./a\.mp4' must be a path below"),
        ("video,label\n/etc/a.mp4,x\n", ":2: .* must be a path below"),
        ("video,label\nC:/a.mp4,x\n", ":2: .* must be a path below"),
        ("video,label,subset\na.mp4,x,training\n", ":2: subset 'training'; known are train, val, test, other"),
        ("video,label,group\na.mp4,x,g\nb.mp4,x,\n", "some videos have a group and some have none"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_told_with_its_line(text, complaint, table):
    with pytest.raises(ValueError, match=complaint):
        read_table(table(text))


def test_arids_lists_are_no_such_table(table):
    assert not is_table(table("0\t1\tWalk/a.avi\n")) and not is_table(
        table("VideoID,Video,ClassID\n0,0.mp4,1\n")
    )
    assert not is_table(table(""))


def test_a_folder_is_a_class(table):
    read, remarks = list_folders(["Walk/a.mp4", "Run/x/b.mp4", "走る/c.mp4", "loose.mp4"])
    assert read.classes == ["Run", "Walk", "走る"]
    assert read.annotations == [
        Annotation("Walk/a", "Walk/a.mp4", 1),
        Annotation("Run/x/b", "Run/x/b.mp4", 0),
        Annotation("走る/c", "走る/c.mp4", 2),
    ]
    assert remarks == [("loose.mp4", "left out: in no class's folder")]


def test_folders_of_other_classes_are_left_out_with_a_remark():
    read, remarks = list_folders(["Walk/a.mp4", "Fly/b.mp4"], ["Run", "Walk"])
    assert [a.label for a in read.annotations] == [1]
    assert remarks == [("Fly/b.mp4", "left out: in no class's folder")]


def test_files_that_no_list_names_are_found_by_stem():
    listed = [Annotation("a", "Walk/a.avi", 0)]
    decomposed = unicodedata.normalize("NFD", "Walk/é.mp4")
    assert not_listed([Annotation("é", "Walk/é.mp4", 0)], [decomposed]) == []
    assert not_listed(listed, ["Walk/a.mp4", "Walk/b.mp4", "a.mp4"]) == ["Walk/b.mp4", "a.mp4"]
