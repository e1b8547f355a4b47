"""After a complete run, a change replans exactly what it touches. Real jobs ran; these tests count the planned ones."""

import json
import os
import re
import subprocess

import pandas as pd
import pytest

from tests.workflow.conftest import TINY

FROM_UKD = {"fuse_logits": 1, "distill_student": 1, "export_logits": 1, "evaluate": 1, "tabulate": 1}


def plan(finished, *arguments):
    return finished.plan("--configfile", TINY, *arguments)


def test_a_second_run_plans_nothing(finished):
    assert plan(finished) == {}


def test_touching_every_source_file_plans_nothing(finished):
    for part in (
        "Snakefile",
        "config.yaml",
        "rules",
        "workflow_scripts",
        "ukdlib",
        "profiles",
        "envs",
        "data",
    ):
        subprocess.run(
            ["find", str(finished.folder / part), "-type", "f", "-exec", "touch", "{}", "+"], check=True
        )
    assert plan(finished) == {}


def test_tau_of_one_arm_replans_that_arm_alone(finished, tmp_path):
    overlay = tmp_path / "tau.yaml"
    overlay.write_text("fusions: {ukd: {tau: 8}}\n")
    jobs = finished.plan("--configfile", TINY, str(overlay))
    assert jobs == {**FROM_UKD, "draw_figures": 1, "report": 1}


@pytest.mark.parametrize("setting", ["gpus: 4", "workers: 4", "cache: memory"])
def test_machine_settings_of_trainings_plan_nothing(finished, tmp_path, setting):
    overlay = tmp_path / "machine.yaml"
    overlay.write_text(f"recipes: {{train: {{{setting}}}}}\nrun: {{together: 3}}\n")
    assert plan(finished, str(overlay)) == {}


def test_the_plan_counts_the_frames_that_a_training_keeps(finished, tmp_path):
    overlay = tmp_path / "cache.yaml"
    overlay.write_text("recipes: {train: {cache: memory}}\n")
    files = ["--configfile", TINY, str(overlay)]
    said = finished.run("--dry-run", "--forcerun", "train_teacher", *files)
    kept = re.search(r"cache: memory: the frames of \w+ as rgb take up to (\d+\.\d+) GB", said)
    assert kept and f"mem_mb={16000 + round(1000 * float(kept[1]))}" in said


def test_a_prose_edit_plans_nothing(finished):
    finished.edit("ukdlib/flow/clips.py", '"""', '"""Other words. ')
    finished.edit("workflow_scripts/compute_flow.py", '"""', '"""Other words. ')
    assert plan(finished) == {}


def test_an_edit_of_the_flow_module_replans_flow_and_what_follows_but_no_decoding(finished):
    path = finished.folder / "ukdlib/flow/clips.py"
    path.write_text(path.read_text() + "\n\ndef added() -> int:\n    return 1\n")
    jobs = plan(finished)
    assert jobs["compute_flow"] == 2
    assert jobs["train_teacher"] == 1  # flow's; RGB's stays
    assert not {
        "render_darkroom",
        "inspect_videos",
        "index_videos",
        "split_videos",
        "decode_videos",
        "correct_frames",
    } & set(jobs)


@pytest.mark.parametrize("family", ["tpn", "slowfast"])
def test_an_edit_in_one_family_of_networks_replans_the_trainings_of_that_family_alone(finished, family):
    path = finished.folder / f"ukdlib/networks/{family}.py"
    path.write_text(path.read_text() + "\n\ndef added() -> int:\n    return 1\n")
    jobs = plan(finished)
    trained = {rule: jobs.get(rule, 0) for rule in ("train_teacher", "train_fold", "distill_student")}
    assert trained == (
        {"train_teacher": 2, "train_fold": 4, "distill_student": 2}
        if family == "slowfast"
        else {"train_teacher": 0, "train_fold": 0, "distill_student": 0}
    )
    assert family == "slowfast" or jobs == {}


def test_every_video_is_indexed_or_rejected_and_every_test_clip_is_evaluated(original):
    results = original.folder / "results/darkroom"
    clips, rejected = pd.read_parquet(results / "clips.parquet"), pd.read_csv(results / "rejected.csv")
    listed = sum(
        len(path.read_text().splitlines()) for path in (original.folder / "data/tiny").glob("t*.txt")
    )
    assert (clips["status"] == "ok").sum() + len(rejected) == listed
    metrics = json.loads((results / "split0/seed0/students/rgb_ukd/metrics/test.json").read_text())
    subsets = pd.read_parquet(results / "split0/subsets.parquet")
    assert metrics["n"] == (subsets["subset"] == "test").sum()


def test_the_report_is_one_offline_file_that_says_synthetic(original):
    html = (original.folder / "results/report.html").read_text()
    assert "synthetic" in html and "UKD" in html
    assert (
        'src="http' not in html and "@import" not in html and '<link rel="stylesheet" href="http' not in html
    )


def test_nothing_half_written_is_left(original):
    left = [
        path
        for path in (original.folder / "results").rglob("*")
        if path.suffix in (".part", ".journal") or path.name == "resume.pt"
    ]
    assert left == []


OTHER = "networks: {slowfast: {dropout: 0.2}}\n"


@pytest.mark.slow
def test_a_killed_training_leaves_no_checkpoint_and_resumes(finished, tmp_path):
    """
    The flow teacher is killed by SIGKILL once its first epoch is stored; the second run continues with epoch 2, unless
    the network is another one by then, even of the same shapes.
    """
    run = finished.folder / "results/darkroom/split0/seed1/teachers/flow"
    overlay = tmp_path / "seed.yaml"
    overlay.write_text("run: {seeds: [1]}\nrecipes: {train: {epochs: 12}}\n")
    arguments = ["--configfile", TINY, str(overlay)]
    target = str((run / "checkpoint.safetensors").relative_to(finished.folder))
    kill_when_stored(finished, [target, "--cores", "1", *arguments], run / "resume.pt")
    assert not (run / "checkpoint.safetensors").exists()
    finished.run("--unlock", *arguments)
    kept = (run / "resume.pt").read_bytes()
    log = finished.folder / "logs/train_teacher/darkroom_split0_seed1_flow.log"
    for networks, said in (("", "resume.pt: resumed after "), (OTHER, "with other settings, not resumed")):
        (run / "resume.pt").write_bytes(kept)
        overlay.write_text("run: {seeds: [1]}\nrecipes: {train: {epochs: 12}}\n" + networks)
        finished.run(target, *arguments)
        assert said in log.read_text() and len(pd.read_csv(run / "history.csv")) == 12


def kill_when_stored(workflow, arguments, state):
    """Start the workflow in its own process group and kill the whole group as soon as `state` exists."""
    import signal
    import sys
    import time

    command = [sys.executable, "-m", "snakemake", *arguments]
    process = subprocess.Popen(
        command,
        cwd=workflow.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(20_000):
            if state.exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        assert process.poll() is None and state.exists(), "the training ended before it could be killed"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
