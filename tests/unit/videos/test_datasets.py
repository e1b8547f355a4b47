"""A data set as a whole: ARID's versions as distributed, folders, the user's own lists."""

import unicodedata

import pytest

from ukdlib.videos.datasets import others_of, read_dataset, unlisted

CLASSES = ["Drink", "Jump"]


@pytest.fixture
def folder(tmp_path):
    """Files by path -> text, written below the test's folder, which becomes the working directory's stand-in."""

    def write(files: dict[str, str]):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return lambda name: str(tmp_path / name)

    return write


def read(at, splits, classes="mapping_table.txt", listing=None, videos="clips", links_out=False):
    named = [{k: at(v) if isinstance(v, str) else v for k, v in split.items()} for split in splits]
    return read_dataset(at(videos), named, classes and at(classes), listing and at(listing), links_out), named


TABLE = {"mapping_table.txt": "0\tDrink\r\n1\tJump\r\n"}


def test_version_1_0_with_three_splits_in_tabs_and_its_other_lists(folder):
    lists = {
        f"list_cvt/ARID_split{n}_{part}.txt": f"0\t0\tDrink/Drink_{g}_1.avi\r\n1\t1\tJump/Jump_{g}_1.avi\r\n"
        for n in (1, 2, 3)
        for g, part in enumerate(("train", "test", "other"), start=n)
    }
    clips = {f"clips/{c}/{c}_{g}_1.mp4": "" for c in CLASSES for g in range(1, 6)}
    at = folder({**TABLE, **lists, **clips})
    splits = [{p: f"list_cvt/ARID_split{n}_{p}.txt" for p in ("train", "test", "other")} for n in (1, 2, 3)]
    dataset, named = read(at, splits)
    assert dataset.classes == CLASSES and [sorted(s) for s in dataset.splits] == [["test", "train"]] * 3
    assert sorted(dataset.videos) == sorted(f"{c}_{g}_1" for c in CLASSES for g in range(1, 5))
    assert unlisted(at("clips"), dataset, others_of(named, at("mapping_table.txt")), False) == []


def test_version_1_5_counts_are_compared_with_the_expected_ones(folder):
    at = folder({
        **TABLE,
        "split_0/split0_train.txt": "0\t0\tDrink/Drink_1_1.mp4\n",
        "split_0/split0_test.txt": "0\t0\tDrink/Drink_2_1.mp4",  # no line end
        "clips/Drink/Drink_9_9.mp4": "",
    })  # fmt: skip
    split = {
        "train": "split_0/split0_train.txt",
        "test": "split_0/split0_test.txt",
        "expected": {"train": 3350, "test": 1},
    }
    dataset, _ = read(at, [split])
    assert dataset.warnings == [
        (at("split_0/split0_train.txt"), "lists 1 videos; 3350 were expected"),
        ("class 'Jump'", "no video has it"),
    ]
    missing = unlisted(at("clips"), dataset, [], False)
    assert missing == [("Drink/Drink_9_9.mp4", "in the folder, but in no list")]


def test_ug2_csv_and_space_lists(folder):
    at = folder({
        **TABLE,
        "train.csv": "VideoID,Video,ClassID\n0,0.mp4,0\n1,1.mp4,1\n",
        "test.txt": "Jump/Jump_2_1.mp4 1\n",
    })  # fmt: skip
    dataset, _ = read(at, [{"train": "train.csv", "test": "test.txt"}])
    assert {v: a.label for v, a in dataset.videos.items()} == {"0": 0, "1": 1, "Jump_2_1": 1}


def test_a_folder_for_each_class_needs_nothing_else(folder):
    at = folder({"clips/Sit/a.mp4": "", "clips/Stand/x/a.mp4": "", "clips/readme.txt": ""})
    dataset, _ = read(at, [{}], classes=None)
    assert dataset.classes == ["Sit", "Stand"] and list(dataset.splits[0]) == ["all"]
    assert sorted(dataset.videos) == ["Sit/a", "Stand/x/a"]


def test_the_column_subset_makes_the_split(folder):
    rows = "video,label,subset,group\na.mp4,x,train,1\nb.mp4,y,val,2\nc.mp4,x,test,3\nd.mp4,y,other,4\n"
    at = folder({"list.csv": rows, "clips/a.mp4": ""})
    dataset, _ = read(at, [{}], classes=None, listing="list.csv")
    assert {part: [a.video_id for a in v] for part, v in dataset.splits[0].items()} == {
        "train": ["a"], "val": ["b"], "test": ["c"]
    }  # fmt: skip
    assert dataset.groups == {"a": "1", "b": "2", "c": "3"} and dataset.others == ["d.mp4"]


@pytest.mark.parametrize(
    "split",
    [{"test_share": 0.3}, {"fold": 0, "of": 3}, {"all": "list.csv", "test_share": 0.3}, {"all": "list.csv"}],
)
def test_a_column_subset_and_a_configured_split_contradict_each_other(split, folder):
    at = folder({"list.csv": "video,label,subset\na.mp4,x,train\nb.mp4,y,test\n"})
    listing = None if "all" in split else "list.csv"
    with pytest.raises(
        ValueError, match=r"list\.csv has a column subset, but the split has (test_share|fold|all): "
    ):
        read(at, [split], classes=None, listing=listing)


def test_other_videos_count_as_listed_and_make_no_class(folder):
    rows = "video,label,subset\n./a.mp4,x,train\nb.mp4,y,test\nc.mp4,z,other\n"
    at = folder({"list.csv": rows, **{f"clips/{name}.mp4": "" for name in "abcd"}})
    dataset, named = read(at, [{}], classes=None, listing="list.csv")
    assert dataset.classes == ["x", "y"]
    assert unlisted(at("clips"), dataset, others_of(named, None), False) == [
        ("d.mp4", "in the folder, but in no list")
    ]


def test_folders_train_and_test_make_the_split(folder):
    at = folder({f"clips/{part}/{name}/a.mp4": "" for part in ("train", "test") for name in CLASSES})
    dataset, _ = read(at, [{}], classes=None)
    assert dataset.classes == CLASSES and {p: len(v) for p, v in dataset.splits[0].items()} == {
        "train": 2,
        "test": 2,
    }
    with pytest.raises(
        ValueError, match=r"clips has folders train and test, but the split has test_share: 0\.5"
    ):
        read(at, [{"test_share": 0.5}], classes=None)


def test_classes_that_cannot_be_learnt_or_distinguished_are_warned_about(folder):
    rows = "video,label,subset\na.mp4,0,train\nb.mp4,1,test\nc.mp4,0,test\n"
    at = folder({"list.csv": rows, "table.txt": "0\tRun\n1\trun\n2\tFly\n"})
    dataset, _ = read(at, [{}], classes="table.txt", listing="list.csv")
    assert dataset.warnings == [
        ("class 'run'", "differs from class 'Run' only in letter case or surrounding spaces"),
        ("class 'Fly'", "no video has it"),
        ("split 0", "class 'run' has test videos but no training videos"),
    ]


def test_a_table_of_classes_fits_folders_however_unicode_spells_them(folder):
    table = unicodedata.normalize("NFD", "0\tÖffnen\n1\tCafé\n")
    at = folder({"table.txt": table, "clips/Öffnen/a.mp4": "", "clips/Café/b.mp4": ""})
    dataset, _ = read(at, [{}], classes="table.txt")
    assert dataset.classes == ["Öffnen", "Café"] and len(dataset.videos) == 2


def test_reasons_are_given_if_no_folder_is_left(folder):
    at = folder({f"clips/{name}/a.mp4": "" for name in ("Fly", "Run", "Sit", "Walk")} | TABLE)
    with pytest.raises(ValueError, match=r"; Fly/a\.mp4: skipped: not in a class folder; .*; .*; 1 more$"):
        read(at, [{}])


def test_lists_with_other_labels_number_the_classes_alike(folder):
    at = folder({
        "a.csv": "video,label\na.mp4,run\nb.mp4,walk\n",
        "b.csv": "video,label\nc.mp4,walk\nd.mp4,fly\n",
    })  # fmt: skip
    dataset, _ = read(at, [{"train": "a.csv", "test": "b.csv"}], classes=None)
    assert dataset.classes == ["fly", "run", "walk"]
    assert {a.video_id: dataset.classes[a.label] for a in dataset.videos.values()} == {
        "a": "run", "b": "walk", "c": "walk", "d": "fly"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "splits", "listing", "complaint"),
    [
        ({"clips/loose.mp4": ""}, [{}], None, "has no folder with videos in it"),
        ({}, [{}], None, "clips is not a folder"),
        ({"l.csv": "\n"}, [{}], "l.csv", r"l\.csv: lists no videos"),
        ({"l.csv": "path,class\na.mp4,x\n"}, [{}], "l.csv", r"l\.csv:1: the header is \['path', 'class'\]"),
        ({"l.txt": "Walk/a.mp4 0\n"}, [{}], "l.txt", "its labels are numbers; `classes` must name the table"),
        ({"a.csv": "video,label\na.mp4,x\n", "b.csv": "video,label\na.mp4,a\nb.mp4,a\n"},
         [{"train": "a.csv", "test": "b.csv"}], None, "video 'a' is 'a.mp4' with label 1 in one list and .* label 0"),
        ({"clips/Walk/a.mp4": "", "clips/Walk/b.mp4": ""}, [{}], None, "there is only the class Walk; at least two"),
    ],
)  # fmt: skip
def test_refusals(files, splits, listing, complaint, folder):
    at = folder(files)
    with pytest.raises(ValueError, match=complaint):
        read(at, splits, classes=None, listing=listing)
