"""`ukd predict` and `ukd bench` as users type them: what is written, exit codes, one sentence for what fails."""

import csv
import json
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.unit.deploy.conftest import CHAIN, CLASSES, film, make_model
from ukdlib.deploy.command import main
from ukdlib.deploy.outputs import csv_rows, json_lines, label_studio, timeline, webvtt
from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer, Moment
from ukdlib.videos.decoding import read_video
from ukdlib.videos.pixels import frame_of

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><b>",
    "a --> b",
    "=1+1",
    "&amp;",
    '"quoted"',
    "{{ 7 * 7 }}",
    "日本 語",
]


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(2):
        film(folder / f"{number}.mp4", seed=number)
    (folder / "notes.txt").write_text("no video")
    return folder


def ukd(*arguments):
    return main([str(each) for each in arguments])


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_folder_has_an_answer_for_each_video(packaged, videos, tmp_path, capsys):
    assert ukd("predict", packaged, videos, "--out", tmp_path / "a.jsonl") == 0
    found = lines(tmp_path / "a.jsonl")
    assert [each["source"] for each in found] == [str(videos / "0.mp4"), str(videos / "1.mp4")]
    for each in found:
        assert list(each["probabilities"]) == CLASSES and sum(
            each["probabilities"].values()
        ) == pytest.approx(1, abs=1e-5)
        assert each["label"] == max(each["probabilities"], key=each["probabilities"].get)
        assert (each["start"], each["end"]) == (0, 2.0)
    assert found[0]["label"] in capsys.readouterr().out


def test_answers_over_time_are_the_same_with_either_engine(packaged, videos, tmp_path):
    for engine in ("torch", "onnx"):
        assert (
            ukd(
                "predict",
                packaged,
                videos / "0.mp4",
                "--hop",
                0.2,
                "--engine",
                engine,
                "--out",
                tmp_path / f"{engine}.jsonl",
            )
            == 0
        )
    one, other = (lines(tmp_path / f"{engine}.jsonl") for engine in ("torch", "onnx"))
    assert len(one) == len(other) > 6
    for a, b in zip(one, other, strict=True):
        assert a["start"] == b["start"] and a["probability"] == pytest.approx(b["probability"], abs=2e-6)


def test_any_frame_rate_is_brought_to_the_models(packaged, tmp_path):
    """A film of twice the rate: as many windows, of the same length in seconds."""
    for rate in (15, 30):
        film(tmp_path / f"{rate}.mp4", fps=rate)
        ukd("predict", packaged, tmp_path / f"{rate}.mp4", "--hop", 0.2, "--out", tmp_path / f"{rate}.jsonl")
    slow, fast = (lines(tmp_path / f"{rate}.jsonl") for rate in (15, 30))
    assert [(a["start"], a["end"]) for a in slow] == [(b["start"], b["end"]) for b in fast]


def test_a_video_that_cannot_be_read_has_a_row_and_the_others_go_on(packaged, videos, tmp_path, capsys):
    (videos / "bad.mp4").write_bytes(b"no video at all")
    out = tmp_path / "a.csv"
    assert ukd("predict", packaged, videos, tmp_path / "gone.mp4", "--out", out) == 1
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [bool(row["error"]) for row in rows] == [False, False, True, True]
    assert rows[3]["error"] == "missing file" and rows[0]["label"] in CLASSES
    assert "missing file" in capsys.readouterr().out
    assert ukd("predict", packaged, tmp_path / "gone.mp4") == 2


def test_unsure_rather_than_wrong(packaged, videos, tmp_path):
    ukd("predict", packaged, videos / "0.mp4", "--abstain", 0.1, "--out", tmp_path / "a.jsonl")
    (found,) = lines(tmp_path / "a.jsonl")
    assert (found["label"] is None) == (found["probability"] < 0.9)


def test_the_page_and_the_film(packaged, videos, tmp_path):
    arguments = "predict", packaged, videos / "0.mp4", "--hop", 0.2
    assert ukd(*arguments, "--html", tmp_path / "a.html", "--render", tmp_path / "a.mp4") == 0
    page = (tmp_path / "a.html").read_text()
    stated = json.loads(page.split('type="application/json">')[1].split("</script>")[0])
    (video,) = stated["videos"]
    assert 8 <= len(video["pictures"]) <= timeline.PICTURES and video["end"] == 2.0
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    frames, fps = read_video(str(tmp_path / "a.mp4"))
    assert frames.shape == (30, 360, 540, 3) and fps == 15


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "a.txt"], "the suffix must be one of .jsonl, .csv, .vtt, .json"),
        (["--out", "nowhere/a.csv"], "there is no folder"),
        (["--html", "a.html"], "give --hop"),
        (["--smooth", "1"], "give --hop"),
        (["--smooth", "1", "--hop", "1"], "averages nothing: give twice --hop, 2, or more"),
        (["--hop", "1", "--render", "a.mp4"], "--render is for one video, not for 2"),
        (["--out", "a.vtt"], "subtitles (.vtt) are for one video, not for 2"),
        (["--abstain", "1"], "at least 0 and below 1"),
        (["--every"], "--every and --attempts are for streams"),
        (["--out", "."], "the suffix must be"),
        (["-"], "is used alone"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_in_one_sentence(packaged, videos, arguments, sentence, capsys):
    assert ukd("predict", packaged, videos, *arguments) == 2
    said = capsys.readouterr().err
    (line,) = (line for line in said.splitlines() if "skipped: 1 file" not in line)
    assert sentence in line and line.startswith("ukd: ")


NUMBERS = [
    *(["--hop", value] for value in ("0", "x", "nan", "inf", "-1")),
    *(["--threads", value] for value in ("0", "99999999", "1.5")),
    ["--abstain", "2"],
    ["--attempts", "-1"],
]


@pytest.mark.parametrize("arguments", NUMBERS, ids=" ".join)
def test_numbers_are_within_bounds(packaged, arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        ukd("predict", packaged, "a.mp4", *arguments)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and f"{arguments[1]!r} is not a number from" in said


@pytest.mark.parametrize("option", ["--out", "--html", "--render"])
def test_no_output_overwrites_a_source_or_another(packaged, videos, tmp_path, option, capsys):
    source = (videos / "0.mp4").rename(videos / "0.csv") if option == "--out" else videos / "0.mp4"
    before = source.read_bytes()
    (tmp_path / "link").symlink_to(videos)
    assert ukd("predict", packaged, source, "--hop", 1, option, tmp_path / "link" / source.name) == 2
    assert "would overwrite the source" in capsys.readouterr().err and source.read_bytes() == before
    twice = tmp_path / "a.csv"
    assert ukd("predict", packaged, source, "--hop", 1, "--out", twice, "--html", twice) == 2
    assert "would overwrite what another option writes" in capsys.readouterr().err
    folder = tmp_path / "b.csv"
    folder.mkdir()
    assert ukd("predict", packaged, source, "--out", folder) == 2
    assert "this is a folder" in capsys.readouterr().err


def test_a_stream_that_is_not_there_leaves_the_file_as_it_was(packaged, tmp_path):
    target = tmp_path / "kept.csv"
    target.write_text("before")
    assert ukd("predict", packaged, "http://127.0.0.1:9/x.ts", "--out", target) == 2
    assert target.read_text() == "before"


def test_what_is_skipped_in_a_folder_is_said(packaged, videos, capsys):
    assert ukd("predict", packaged, videos, videos / ".." / "clips" / "0.mp4") == 0
    said = capsys.readouterr()
    assert "1 file without a video suffix: .txt" in said.err and said.out.count("0.mp4  ") == 1


def test_a_rate_that_varies_is_noted_and_the_time_is_kept(tmp_path):
    """60 pictures in 2 s, then 16 in 2 s, by a model that has no rate of its own."""
    path = tmp_path / "varies.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt, stream.time_base = 32, 48, "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(76):
            frame = frame_of(np.full((32, 48, 3), 10 + number, np.uint8))
            frame.pts, frame.time_base = (
                round(number * 33.3 if number < 60 else 2000 + (number - 60) * 125),
                Fraction(1, 1000),
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    model = make_model(tmp_path / "free", rates=[15.0, 30.0])
    out = tmp_path / "a.jsonl"
    assert ukd("predict", model, path, "--hop", 0.5, "--engine", "torch", "--out", out) == 0
    found = lines(out)
    assert found[-1]["end"] == pytest.approx(4.0, abs=0.3)


def test_control_characters_of_a_name_do_not_reach_the_terminal(packaged, videos, capsys):
    (videos / "0.mp4").rename(videos / "0\x1b[31m\n.mp4")
    assert ukd("predict", packaged, videos) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_very_wide_video_is_rendered(packaged, tmp_path):
    path = film(tmp_path / "wide.mp4", size=(16, 1600), seconds=0.6)
    assert ukd("predict", packaged, path, "--hop", 0.5, "--render", tmp_path / "seen.mp4") == 0
    assert read_video(str(tmp_path / "seen.mp4"))[0].shape[2] <= 1920


def test_no_model_and_an_empty_folder(tmp_path, packaged, capsys):
    assert ukd("predict", tmp_path, "a.mp4") == 2
    assert "not a model" in capsys.readouterr().err
    assert ukd("predict", packaged, tmp_path) == 2
    assert "no video in this folder" in capsys.readouterr().err


def test_a_stream_is_refused_where_the_end_must_be_known(packaged, tmp_path, capsys):
    for more in (["--html", tmp_path / "a.html"], ["--out", tmp_path / "a.vtt"], ["--smooth", "1"]):
        assert ukd("predict", packaged, "-", *more) == 2
    assert capsys.readouterr().err.count("file") == 3
    whole = {"of": "video", "transform": "retinex", "sigmas": [3], "codec": "raw", "mean": 0.45, "std": 0.225}
    model = make_model(tmp_path / "retinex", chain=[whole, {**CHAIN[1], "of": "retinex"}])
    assert ukd("predict", model, "0", "--engine", "torch") == 2
    assert "depend on those that follow" in capsys.readouterr().err


def test_a_video_too_long_for_one_answer(packaged, videos, monkeypatch, capsys):
    monkeypatch.setattr("ukdlib.deploy.prediction.WHOLE", 10_000)
    assert ukd("predict", packaged, videos / "0.mp4") == 2
    assert "--hop answers over time" in capsys.readouterr().out
    assert ukd("predict", packaged, videos / "0.mp4", "--hop", "1") == 0


def test_bench_says_what_was_measured(packaged, capsys):
    assert ukd("bench", packaged, "--seconds", 0.2, "--threads", 1, "--size", 24, 32) == 0
    said = capsys.readouterr().out
    assert "clips per second" in said and "p95" in said and "1 threads" in said


# ---------------------------------------------------------------- formats

SHOWN = Shown("night", CLASSES, threshold=0.5)


def answer(source="a.mp4"):
    """Wave, then unsure."""
    found = [Moment(0.0, 2.0, np.array([0.1, 0.1, 0.8])), Moment(1.0, 3.0, np.array([0.4, 0.35, 0.25]))]
    return Answer(source, found, over_time=True)


def test_subtitles():
    text = "".join(webvtt.write([answer()], SHOWN))
    assert text == (
        "WEBVTT\n\nNOTE night\n\n00:00:00.000 --> 00:00:01.500\nWave (80%)\n\n"
        "00:00:01.500 --> 00:00:03.000\nunsure (40%)\n"
    )
    late = Answer("a", [Moment(3599.9996, 7322.5, np.array([1.0, 0, 0]))])
    assert "01:00:00.000 --> 02:02:02.500" in "".join(webvtt.write([late], SHOWN))
    with pytest.raises(ValueError, match="one video, not for 2"):
        list(webvtt.write([answer(), answer()], SHOWN))
    with pytest.raises(ValueError, match="empty file; no subtitles were written"):
        list(webvtt.write([Answer("a", error="empty file")], SHOWN))


def test_label_studio():
    (task, bare) = json.loads(
        "".join(label_studio.write([answer(), Answer("b.mp4", error="empty file")], SHOWN))
    )
    (prediction,) = task["predictions"]
    assert task["data"] == {"video": "a.mp4"} and prediction["model_version"] == "night"
    (result,) = prediction["result"]  # where it is unsure, a person is to say
    assert result["value"] == {"ranges": [{"start": 1, "end": 36}], "timelinelabels": ["Wave"]}
    assert bare == {"data": {"video": "b.mp4"}, "predictions": []}
    one = Answer("a.mp4", [answer().moments[0]])
    (task,) = json.loads("".join(label_studio.write([one], SHOWN)))
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["Wave"]}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_that_need_escaping_are_data_everywhere(payload):
    classes = [payload, "Sit", "Wave"]
    shown, found = Shown(payload, classes), [Answer(payload, answer().moments)]
    assert json.loads(next(json_lines.write(found, shown)))["source"] == payload
    row = "".join(csv_rows.write(found, shown)).splitlines()[1]
    assert next(csv.reader([row]))[0].removeprefix("'") == payload and not row.startswith("=")
    cue = "".join(webvtt.write([Answer("a", [Moment(0, 1, np.array([1.0, 0, 0]))])], shown)).split("\n\n")[2]
    assert cue.count("-->") == 1 and "<" not in cue
    page = timeline.page(found, {}, shown)
    assert page.count("<script") == 2 and page.count("</script>") == 2
    inside = page.split('type="application/json">')[1].split("</script>")[0]
    assert json.loads(inside)["videos"][0]["source"] == payload


def test_an_unwritable_target_leaves_nothing(packaged, videos, tmp_path):
    target = tmp_path / "kept.csv"
    target.write_text("before")
    shutil.rmtree(videos)
    assert ukd("predict", packaged, videos / "0.mp4", "--out", target) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.csv"]
