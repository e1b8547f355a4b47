"""What a run believes: its own records, not the memory in .snakemake, and of a file only what was compared."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.conftest import TINY
from ukdlib.artifacts.lineage import record_of
from ukdlib.artifacts.sealed_json import read_json, write_json
from ukdlib.frames.store import open_shards

DATA = "results/darkroom"
RUN = f"{DATA}/split0/seed0"


@pytest.fixture
def forgetful(finished):
    """A finished run that Snakemake remembers nothing of."""
    shutil.rmtree(finished.folder / ".snakemake")
    return finished


def overlay(folder, text):
    (folder / "overlay.yaml").write_text(text)
    return "--configfile", TINY, str(folder / "overlay.yaml")


def test_without_snakemakes_memory_nothing_is_planned_if_nothing_changed(forgetful):
    assert forgetful.plan("--configfile", TINY) == {}


CHANGES = [
    "modalities: {rgb: {gamma: 1.5}}\n",
    "fusions: {ukd: {tau: 8}}\n",
    "recipes: {train: {epochs: 3}}\n",
    "datasets: {darkroom: {validation: 0.5}}\n",
    "students: {rgb_ukd: {alpha: 0.3}}\n",
    "datasets: {darkroom: {note: other}}\n",
    "tables: {tiny: {rows: {UKD first: students/rgb_ukd}}}\n",
]


@pytest.mark.parametrize(
    "text", [*CHANGES[:2], *(pytest.param(text, marks=pytest.mark.slow) for text in CHANGES[2:])]
)
def test_without_snakemakes_memory_a_change_replans_exactly_the_same(finished, tmp_path, text):
    arguments = overlay(tmp_path, text)
    remembered = finished.plan(*arguments)
    shutil.rmtree(finished.folder / ".snakemake")
    assert finished.plan(*arguments) == remembered != {}


def test_without_snakemakes_memory_an_edit_of_the_code_replans_the_same(forgetful):
    path = forgetful.folder / "ukdlib/knowledge/fusion.py"
    path.write_text(path.read_text() + "\n\ndef added() -> int:\n    return 1\n")
    jobs = forgetful.plan("--configfile", TINY)
    assert jobs["fuse_logits"] == 4 and jobs["distill_student"] == 2 and "train_teacher" not in jobs


def test_the_order_of_a_tables_rows_counts(forgetful, tmp_path):
    """Overlays merge, so another order is another default: edited as a user edits config.yaml."""
    tiny = tmp_path / "tiny.yaml"
    rows = "{RGB: teachers/rgb, flow: teachers/flow, two-stream"
    content = Path(TINY).read_text()
    assert rows in content
    tiny.write_text(content.replace(rows, "{flow: teachers/flow, RGB: teachers/rgb, two-stream"))
    assert forgetful.plan("--configfile", str(tiny)) == {"tabulate": 1, "draw_figures": 1, "report": 1}


def test_own_weights_are_not_taken_from_where_results_are(finished, tmp_path):
    path = finished.folder / "results/mine.safetensors"
    shutil.copyfile(finished.folder / RUN / "teachers/rgb/checkpoint.safetensors", path)
    text = "weights: {old: {file: results/mine.safetensors, note: old}}\nteachers: {rgb: {weights: old}}\n"
    done = finished.snakemake("--dry-run", *overlay(tmp_path, text))
    assert (
        done.returncode != 0
        and "'results/mine.safetensors' is below results/, but no rule makes it" in done.stdout
    )


def test_files_of_another_run_are_made_again_though_snakemake_takes_them_for_its_own(finished):
    """A student of other settings with its record, copied in with the old times."""
    for name in ("checkpoint.safetensors", "history.csv"):
        path = finished.folder / RUN / "students/rgb_ukd" / name
        time = path.stat().st_mtime_ns
        shutil.copyfile(finished.folder / RUN / "students/rgb_ukd_oof" / name, path)
        os.utime(path, ns=(time, time))
    name, other = (f"{RUN}/students/{each}/checkpoint.safetensors" for each in ("rgb_ukd", "rgb_ukd_oof"))
    record = read_json(finished.folder / record_of(other))
    outputs = {path.replace("rgb_ukd_oof", "rgb_ukd"): digest for path, digest in record["outputs"].items()}
    write_json(finished.folder / record_of(name), {**record, "outputs": outputs})
    assert finished.plan("--configfile", TINY)["distill_student"] == 1


def test_an_exchanged_video_is_found_out_when_it_is_decoded(finished, tmp_path):
    """Contents of two videos exchanged, size and time kept as far as the system tells."""
    videos = sorted((finished.folder / "data/darkroom/raw").rglob("*.mp4"))
    one, other = videos[0], videos[1]
    content = one.read_bytes(), other.read_bytes()
    one.write_bytes(content[1]), other.write_bytes(content[0])
    arguments = overlay(tmp_path, "modalities: {dark2: {of: video, transform: gamma, gamma: 2.0}}\n")
    shards = [f"{DATA}/frames/dark2/shard{n}.arrow" for n in (0, 1)]
    done = finished.snakemake("--cores", "2", "--keep-going", *shards, *arguments)
    logs = "".join(path.read_text() for path in (finished.folder / "logs/decode_videos").glob("*dark2*"))
    assert done.returncode != 0 and "not the video that was inspected: its" in logs
    assert one.name in logs or other.name in logs


@pytest.mark.slow
def test_two_configurations_frames_are_never_in_one_modality(finished, tmp_path):
    """Settings A, then B with other shards and sizes, then A with one more modality: 48 x 64 everywhere."""
    other = "datasets: {darkroom: {shards: 1, render: {size: [64, 80]}}}\n"
    finished.run(f"{DATA}/frames/dark/shard0.arrow", *overlay(tmp_path, other))
    more = overlay(tmp_path, "modalities: {dark2: {of: video, transform: gamma, gamma: 2.0}}\n")
    shards = [f"{DATA}/frames/dark2/shard{n}.arrow" for n in (0, 1)]
    finished.run(*shards, *more)
    store = open_shards([str(finished.folder / shard) for shard in shards])
    assert {store.shape(video)[1:] for video in store.video_ids} == {(48, 64, 3)}
    assert len(store.video_ids) == len(pd.read_parquet(finished.folder / DATA / "clips.parquet"))


SPELLINGS = ("./results/", "results//", "{folder}/results/")


@pytest.mark.parametrize(
    "spelling", ["copy", *(pytest.param(path, marks=pytest.mark.slow) for path in SPELLINGS)]
)
def test_weights_that_have_seen_the_fold_are_refused_however_they_are_called(finished, tmp_path, spelling):
    """The teacher of the whole training set as the start of an out-of-fold teacher."""
    source = f"{RUN}/teachers/rgb/checkpoint.safetensors"
    file = source.replace("results/", spelling.format(folder=finished.folder), 1)
    if spelling == "copy":
        file = "data/mine.safetensors"
        shutil.copyfile(finished.folder / source, finished.folder / file)
    text = f"weights: {{old: {{file: '{file}', note: old, mean: 0.45, std: 0.225}}}}\n"
    arguments = overlay(tmp_path, text + "teachers: {rgb: {weights: old}}\n")
    target = f"{RUN}/teachers/rgb/fold0/checkpoint.safetensors"
    done = finished.snakemake("--cores", "1", target, *arguments)
    log = finished.folder / "logs/train_fold/darkroom_split0_seed0_rgb_fold0.log"
    planned = "which was trained on the clips of darkroom that a fold holds out" in done.stdout + done.stderr
    assert done.returncode != 0 and (planned or "teachers.rgb: leak: " in log.read_text())


@pytest.mark.slow
def test_weights_of_unknown_history_are_marked_in_the_tables(original, finished, tmp_path):
    """Through the teacher into the fusion and the student that learns from it."""
    from safetensors.torch import load_file, save_file

    weights = load_file(finished.folder / RUN / "teachers/flow/checkpoint.safetensors")
    save_file(weights, finished.folder / "data/theirs.safetensors")  # without our metadata
    text = (
        "weights: {theirs: {file: data/theirs.safetensors, note: somewhere}}\n"
        "teachers: {flow: {weights: theirs}}\nrecipes: {train: {epochs: 1}}\n"
    )
    finished.run(f"{DATA}/tables/tiny.csv", *overlay(tmp_path, text))
    started = pd.read_csv(finished.folder / DATA / "tables/tiny.csv", index_col="row")["pretraining"]
    unknown = "; seen before: unknown (somewhere)"
    assert (
        started["flow"] == f"somewhere{unknown}"
        and started["UKD"] == f"none{unknown}"
        and started["RGB"] == "none"
    )
    assert unknown in started["two-stream"] and unknown in started["UKD out-of-fold"]
    before = pd.read_csv(original.folder / DATA / "tables/tiny.csv", index_col="row")["pretraining"]
    assert set(before) == {"none"}


def test_the_report_states_the_versions_that_made_its_results(finished):
    """A table that another torch has made: named beside the present one, with the rule."""
    name = record_of(f"{DATA}/tables/tiny.csv")
    record = read_json(finished.folder / name)
    record["versions"]["torch"] = {"1.0": ["train_teacher"]}
    write_json(finished.folder / name, record)
    finished.run("--forcerun", "report", "--configfile", TINY)
    page = (finished.folder / "results/report.html").read_text()
    assert "1.0 (train_teacher)" in page and "Several versions of torch were used" in page


@pytest.mark.slow
def test_two_runs_at_once_end_in_a_refusal_or_in_the_right_files(workflow, tmp_path):
    """The same results, two configurations, --nolock; what one run leaves the next completes."""
    target = [f"{DATA}/measured/{modality}/shard{n}.parquet" for modality in ("rgb", "flow") for n in (0, 1)]
    gamma = {"a": 3.0, "b": 1.5}
    for name, value in gamma.items():
        (tmp_path / f"{name}.yaml").write_text(f"modalities: {{rgb: {{gamma: {value}}}}}\n")
    workflow.run(f"{DATA}/inspected/shard0.parquet", f"{DATA}/inspected/shard1.parquet", "--configfile", TINY)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", *target, "--configfile", TINY]
    runs = {
        name: subprocess.Popen(
            [*command, str(tmp_path / f"{name}.yaml")], cwd=workflow.folder, stderr=subprocess.DEVNULL
        )
        for name in gamma
    }
    codes = {name: run.wait(timeout=600) for name, run in runs.items()}
    made = {}
    for name in gamma:
        workflow.run(*target, "--configfile", TINY, str(tmp_path / f"{name}.yaml"))
        made[name] = pd.concat(pd.read_parquet(workflow.folder / path) for path in target)
        assert workflow.plan(*target, "--configfile", TINY, str(tmp_path / f"{name}.yaml")) == {}
    assert made["a"]["mean"].mean() > made["b"]["mean"].mean() + 5, codes
