"""A file of corrections is read as it is meant or refused by line; wrong labels are planted as they are said to be."""

import runpy
import shutil
from pathlib import Path

import pytest

from ukdlib.videos.corrections import read_corrections

CLASSES, VIDEOS = ["Jump", "Wave", "Caf\u00e9"], {"a", "b", "=c"}
DATA = Path(__file__).parents[3] / "data"


def written(tmp_path, text):
    (tmp_path / "corrections.csv").write_text(text, encoding="utf-8")
    return str(tmp_path / "corrections.csv")


def test_corrections_are_read_whatever_else_the_file_has(tmp_path):
    path = written(tmp_path, "rank,video_id,class,note\n1,a,Wave,x\n2,=c,Cafe\u0301,\n")
    assert read_corrections(path, CLASSES, VIDEOS) == {"a": 1, "=c": 2}
    assert read_corrections(written(tmp_path, "video_id,class\n"), CLASSES, VIDEOS) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,class\na,Wave\n", "no column 'video_id'; expected a CSV with the columns video_id and class"),
        ("", "no column 'video_id'"),
        ("video_id,class\nx,Wave\n", r"corrections\.csv:2: video 'x' is in no list"),
        ("video_id,class\na,Wave\nb,Fly\n", r"corrections\.csv:3: 'Fly' is no class .*: Jump, Wave, Caf"),
        ("video_id,class\na\n", r"corrections\.csv:2: '' is no class"),
        ("video_id,class\na,Wave\na,Jump\n", r"corrections\.csv:3: video 'a' is in an earlier line"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_corrections(written(tmp_path, text), CLASSES, VIDEOS)


@pytest.fixture(scope="module")
def planting():
    return runpy.run_path(str(DATA / "make_wrong_labels.py"))


def test_the_script_writes_the_committed_wrong_labels(planting, tmp_path):
    shutil.copytree(DATA / "darkroom/list_cvt", tmp_path / "list_cvt")
    planting["write_lists"](tmp_path / "wrong", tmp_path / "list_cvt/split0_train.txt")
    committed = {path.name: path.read_bytes() for path in (DATA / "darkroom/wrong_labels").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "wrong").iterdir()} == committed


@pytest.mark.parametrize("similar", [False, True])
def test_planted_labels_are_wrong_as_many_as_said_and_nested(planting, similar):
    lines = (DATA / "darkroom/list_cvt/split0_train.txt").read_text().splitlines()
    videos = [Path(line.split("\t")[2]).stem for line in lines]
    few, more = (planting["wrong_labels"](videos, share, similar) for share in (0.05, 0.2))
    assert (len(few), len(more)) == (22, 88) and few.items() <= more.items()
    assert all(name != video.split("_")[0] for video, name in more.items())
    if similar:
        assert all(name == planting["LIKE"][video.split("_")[0]] for video, name in more.items())
    else:
        assert len({(video.split("_")[0], name) for video, name in more.items()}) > 40  # of 110 pairs
    assert planting["wrong_labels"](videos[::-1], 0.2, similar) == more  # by name, not by place
