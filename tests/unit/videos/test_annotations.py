"""ARID's lists are read in all their forms, and refused with file and line."""

import unicodedata
from collections import Counter

import pytest

from ukdlib.videos.annotations import Annotation, by_video, locate, read_classes, read_list, shard_of

CLASSES = ["Drink", "Jump", "Walk"]
EXPECTED = [Annotation("Walk_1_2", "Walk/Walk_1_2.avi", 2), Annotation("Jump_3_1", "Jump/Jump_3_1.mp4", 1)]
FORMS = {
    "tabs": "0\t2\tWalk/Walk_1_2.avi\n1\t1\tJump/Jump_3_1.mp4\n",
    "space": "Walk/Walk_1_2.avi 2\nJump/Jump_3_1.mp4 1\n",
    "csv": "VideoID,Video,ClassID\n0,Walk/Walk_1_2.avi,2\n1,Jump/Jump_3_1.mp4,1\n",
}


@pytest.fixture
def listed(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "list.txt"
        path.write_bytes(text.encode())
        return str(path)

    return write


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", ["as is", "CRLF", "no last newline", "byte order mark", "blank lines"])
def test_all_forms_are_equivalent(form, change, listed):
    text = FORMS[form]
    text = {
        "as is": text,
        "CRLF": text.replace("\n", "\r\n"),
        "no last newline": text.rstrip("\n"),
        "byte order mark": "\ufeff" + text,
        "blank lines": text + "\n  \n",
    }[change]
    assert read_list(listed(text), CLASSES) == EXPECTED


@pytest.mark.parametrize("mark", [",", ";", ", "])
def test_ug2s_csv_may_be_quoted(mark, listed):
    rows = [("VideoID", "Video", "ClassID"), ("0", "Walk/Walk_1_2.avi", "2"), ("1", "Jump/Jump_3_1.mp4", "1")]
    text = "\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows)
    assert read_list(listed(text), CLASSES) == EXPECTED


@pytest.mark.parametrize("form", ["tabs", "space", "csv"])
def test_paths_as_find_prints_them_are_the_same(form, listed):
    text = FORMS[form].replace("Walk/W", "./Walk//W").replace("Jump/J", "././Jump/J")
    assert read_list(listed(text), CLASSES) == EXPECTED


def test_classes_and_folders_are_compared_in_composed_unicode(listed):
    decomposed = unicodedata.normalize("NFD", "Öffnen")
    assert read_classes(listed(f"0\t{decomposed}\n1\tRun\n")) == ["Öffnen", "Run"]
    with pytest.raises(ValueError, match="the folder is Öffnen"):
        read_list(listed(f"{decomposed}/a.mp4 1\n"), ["Öffnen", "Run"])


def test_file_names_may_contain_spaces(listed):
    assert read_list(listed("Walk/a b.mp4 2\n"), CLASSES) == [Annotation("a b", "Walk/a b.mp4", 2)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Walk/Walk_1_3.mp4", "is neither"),
        ("Walk/Walk_1_3.mp4 Walk", "label 'Walk'; known are 0 to 2"),
        ("Walk/Walk_1_3.mp4 3", "label '3'; known are 0 to 2"),
        ("Walk/Walk_1_3.mp4 -1", "label '-1'; known are 0 to 2"),
        ("Walk/Walk_1_3.mp4 1", "label 1 is Jump, but the folder is Walk"),
        ("/data/Walk_1_3.mp4 2", "must be a path below"),
        ("Walk/../Walk_1_3.mp4 2", "must be a path below"),
        ("Walk\\Walk_1_3.mp4 2", "must be a path below"),
        ("C:/Walk_1_3.mp4 2", "must be a path below"),
        ("Drink/Drink_1_1.avi 0", r"Drink_1_1 is already in .*list\.txt:1"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(line, complaint, listed):
    with pytest.raises(ValueError, match=rf"list\.txt:2: .*{complaint}"):
        read_list(listed(f"Drink/Drink_1_1.mp4 0\n{line}\n"), CLASSES)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "VideoID,Video\n0,0.mp4\n",
            r"list\.txt:1: the header is .* must have the columns Video and ClassID",
        ),
        ("VideoID,Video,ClassID\n0,0.mp4\n", r"list\.txt:2: .* has 2 columns, the header 3"),
        ("\n", "lists no videos"),
    ],
)
def test_lists_without_labels_or_videos_are_refused(text, complaint, listed):
    with pytest.raises(ValueError, match=complaint):
        read_list(listed(text), CLASSES)


def test_classes_are_ordered_by_id(listed):
    assert read_classes(listed("2\tWalk\r\n0\tDrink\r\n1\tJump")) == CLASSES


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0\tDrink\nJump\n", r"list\.txt:2: .* is not `id<TAB>Name`"),
        ("0\tDrink\n0\tJump\n", r"list\.txt:2: id 0 or class 'Jump'"),
        ("0\tDrink\n1\tDrink\n", r"list\.txt:2: id 1 or class 'Drink'"),
        ("0\tDrink\n2\tJump\n", r"ids must be 0 \.\. C-1, got \[0, 2\]"),
        ("", "ids must be 0"),
    ],
)
def test_wrong_class_tables_are_refused(text, complaint, listed):
    with pytest.raises(ValueError, match=complaint):
        read_classes(listed(text))


@pytest.mark.parametrize(("given", "there"), [("a.avi", "a.mp4"), ("a.mp4", "a.avi"), ("a.mp4", "a.mp4")])
def test_mp4_and_avi_are_equivalent(given, there, tmp_path):
    (tmp_path / there).touch()
    assert locate(str(tmp_path), given) == str(tmp_path / there)


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ("Öffnen/é.mp4", unicodedata.normalize("NFD", "Öffnen/é.mp4")),
        (unicodedata.normalize("NFD", "Öffnen/é.mp4"), "Öffnen/é.mp4"),
        ("Run/a.MP4", "Run/a.mp4"),
        ("Run/a.mp4", "Run/a.MP4"),
        ("Run/a.avi", "Run/a.MP4"),
        ("Run/a.mkv", "Run/a.MKV"),
    ],
)
def test_spellings_of_one_name_are_equivalent(given, there, tmp_path):
    (tmp_path / there).parent.mkdir()
    (tmp_path / there).touch()
    assert locate(str(tmp_path), given) == str(tmp_path / there)


def test_the_listed_spelling_comes_first(tmp_path):
    for name in ("a.avi", "a.mp4", "a.MP4"):
        (tmp_path / name).touch()
        assert locate(str(tmp_path), name) == str(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("Run/a.mp4 0\nRun/caf\xe9.mp4 0\n".encode("latin-1"), r":2: is not UTF-8 text"),
        ("Run/a.mp4 0\n".encode("utf-16"), r":1: is not UTF-8 text"),
        (b"Run/a.mp4 0\nRun/b.mp4\0 0\n", r":2: contains a zero byte"),
        (b"Run/a.mp4 0\nRun/b 64 0\n", r":2: 'Run/b 64' looks like a folder with its number of frames"),
    ],
)
def test_other_texts_are_refused_with_the_line(content, complaint, tmp_path):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"list\.txt{complaint}"):
        read_list(str(tmp_path / "list.txt"), ["Run"])


def test_a_missing_video_is_not_located(tmp_path):
    (tmp_path / "b.mkv").touch()
    assert locate(str(tmp_path), "b.mp4") is None and locate(str(tmp_path), "c.mkv") is None


def test_shards_depend_on_the_name_alone_and_are_all_used():
    names = [f"Walk_{group}_{clip}" for group in range(20) for clip in range(20)]
    sizes = Counter(shard_of(name, 4) for name in names)
    assert set(sizes) == {0, 1, 2, 3} and min(sizes.values()) > 60
    assert (
        shard_of("123456789", 1000) == 0xCBF43926 % 1000
    )  # the check value of CRC-32: equal on every machine


def test_lists_of_several_splits_are_one_set_of_videos_and_may_not_contradict_each_other():
    a, b = Annotation("Walk_1_1", "Walk/Walk_1_1.mp4", 2), Annotation("Run_1_1", "Run/Run_1_1.mp4", 1)
    assert by_video([[a, b], [b]]) == {"Walk_1_1": a, "Run_1_1": b}
    with pytest.raises(
        ValueError, match=r"'Walk_1_1' is 'Walk/Walk_1_1.mp4' with label 2 in one list and .* 1 in"
    ):
        by_video([[a], [a._replace(label=1)]])
