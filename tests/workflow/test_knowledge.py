"""Out-of-fold knowledge does not leak, stored logits can be verified, and a teacher may come from anywhere."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from tests.workflow.conftest import TINY
from ukdlib.artifacts.provenance import videos_hash
from ukdlib.knowledge.facts import read_facts
from ukdlib.knowledge.fusion import fused_knowledge
from ukdlib.knowledge.logits import read_logits
from ukdlib.learning.checkpoints import read_metadata

RUN = "results/darkroom/split0/seed0"


def log_of(workflow, job):
    return (workflow.folder / f"logs/{job}.log").read_text()


@pytest.mark.parametrize("teacher", ["rgb", "flow"])
def test_out_of_fold_logits_come_from_networks_not_trained_on_the_video(original, teacher):
    folder = original.folder / RUN / "teachers" / teacher
    rows = read_logits(folder / "logits/out_of_fold.parquet")
    folds = pd.read_parquet(original.folder / RUN / "../folds.parquet").set_index("video_id")
    assert set(rows.video_ids) == set(folds.index)
    np.testing.assert_array_equal(rows.folds, folds.loc[rows.video_ids, "fold"])
    assert folds.groupby("group")["fold"].nunique().max() == 1
    for fold in (0, 1):
        seen = read_metadata(folder / f"fold{fold}/checkpoint.safetensors")["trained_on"]
        assert seen == videos_hash(folds.index[folds["fold"] != fold])
        assert seen == json.loads(rows.metadata["trained_on"])[str(fold)]


def swap_in(path, content):
    """Other content under the same path, with the same time, as a manual copy would leave it."""
    time = path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(time, time))


@pytest.mark.slow
def test_a_network_trained_on_its_own_fold_is_refused(finished):
    """The checkpoint of the whole training set in place of a fold's: detected when its logits are exported."""
    folder = finished.folder / RUN / "teachers/rgb"
    (folder / "fold0/checkpoint.safetensors").write_bytes((folder / "checkpoint.safetensors").read_bytes())
    target = f"{RUN}/teachers/rgb/fold0/logits/held_out.parquet"
    for message in (" is damaged: its content is not what train_fold wrote", ": its trained_on is"):
        done = finished.snakemake("--cores", "2", target, "--configfile", TINY)
        assert done.returncode != 0
        assert f"fold0/checkpoint.safetensors{message}" in log_of(
            finished, "export_fold/darkroom_split0_seed0_rgb_fold0"
        )
        finished.forge(f"{RUN}/teachers/rgb/fold0/checkpoint.safetensors")


def verify(finished, *arguments):
    target = f"{RUN}/teachers/rgb/verified/train.json"
    done = finished.snakemake(
        "--cores", "2", target, "--rerun-triggers", "mtime", "--configfile", TINY, *arguments
    )
    return done.returncode, log_of(finished, "verify_logits/darkroom_split0_seed0_teachers_rgb_train")


def test_stored_logits_are_verified(finished):
    code, log = verify(finished)
    assert code == 0, log
    found = json.loads((finished.folder / RUN / "teachers/rgb/verified/train.json").read_text())
    assert found["rows"] == 32 and found["largest_difference"] <= found["allowed"]


@pytest.mark.slow
def test_a_checkpoint_swapped_between_two_teachers_is_detected(finished):
    rgb, flow = (finished.folder / RUN / f"teachers/{name}" for name in ("rgb", "flow"))
    # a large checkpoint is compared by time, a small one by content: then the logits would be computed again
    swap_in(rgb / "checkpoint.safetensors", (flow / "checkpoint.safetensors").read_bytes())
    for message in (
        " is damaged: its content is not what train_teacher wrote",
        ": its in_channels is",
    ):
        code, log = verify(finished, "--max-checksum-file-size", "1")
        assert code != 0 and f"rgb/checkpoint.safetensors{message}" in log
        finished.forge(f"{RUN}/teachers/rgb/checkpoint.safetensors")


@pytest.mark.parametrize(
    ("overlay", "rule"),
    [
        ("modalities: {rgb: {gamma: 2.0}}\n", "decode_videos"),
        ("recipes: {train: {short_side: [34, 40]}}\n", "train_teacher"),
    ],
)
def test_another_preprocessing_is_detected(finished, tmp_path, overlay, rule):
    (tmp_path / "other.yaml").write_text(overlay)
    code, log = verify(finished, str(tmp_path / "other.yaml"))
    assert code != 0 and f"{rule} made it with other settings" in log


@pytest.mark.slow
def test_a_dozen_external_teachers_are_fused(finished, tmp_path):
    """Files in the wide format that any data frame library writes, one row for each video."""
    subsets = pd.read_parquet(finished.folder / RUN / "../subsets.parquet")
    train = subsets[subsets["subset"] == "train"].sort_values("video_id")
    classes = read_logits(finished.folder / RUN / "teachers/rgb/logits/train.parquet").classes
    folder, rng = finished.folder / "data/foreign", np.random.default_rng(0)
    folder.mkdir()
    names, made = [f"t{i}" for i in range(12)], []
    for name in names:
        made.append(rng.normal(size=(len(train), len(classes))).astype(np.float32))
        table = pd.DataFrame(made[-1], columns=classes).assign(video_id=train["video_id"].to_numpy())
        table.sample(frac=1, random_state=0).to_parquet(folder / f"{name}_split0_train.parquet", index=False)
        os.utime(folder / f"{name}_split0_train.parquet", (2.1e9, 2.1e9))  # by a machine whose clock is ahead
    overlay = tmp_path / "many.yaml"
    teachers = ", ".join(
        f"{t}: {{logits: 'data/foreign/{t}_split{{split}}_{{subset}}.parquet'}}" for t in names
    )
    overlay.write_text(
        f"teachers: {{{teachers}}}\n"
        f"fusions: {{many: {{method: pkd, teachers: [rgb, {', '.join(names)}], tau: 20}}}}\n"
    )
    target = f"{RUN}/fusions/many/logits/train.parquet"
    finished.run(target, "--configfile", TINY, str(overlay))
    fused = read_logits(finished.folder / target)
    own = read_logits(finished.folder / RUN / "teachers/rgb/logits/train.parquet").logits
    stack = np.stack([own.reshape(len(train), -1, len(classes)).mean(axis=1), *made])
    target, weights, _ = fused_knowledge("pkd", stack, train["label"].to_numpy(), 20)
    np.testing.assert_allclose(fused.weights, weights, atol=1e-6)
    np.testing.assert_allclose(np.exp(fused.logits), target, atol=1e-6)


OF_FRAMES = {
    "render_darkroom",
    "inspect_videos",
    "index_videos",
    "decode_videos",
    "correct_frames",
    "compute_flow",
}


def test_a_corrected_label_is_learnt_from_the_same_frames(finished, tmp_path):
    (finished.folder / "corrected.csv").write_text("video_id,class\nDrink_25_1,Wave\nWave_25_1,Drink\n")
    overlay = tmp_path / "corrected.yaml"
    overlay.write_text("datasets: {darkroom: {corrections: corrected.csv}}\n")
    jobs = finished.plan("--configfile", TINY, str(overlay))
    assert not OF_FRAMES & jobs.keys()
    assert jobs["split_videos"] == 1 and jobs["train_teacher"] == 2 and jobs["train_fold"] == 4
    finished.run("results/darkroom/split0/subsets.parquet", "--configfile", TINY, str(overlay))
    names = read_logits(finished.folder / RUN / "teachers/rgb/logits/train.parquet").classes
    rows = pd.read_parquet(finished.folder / RUN / "../subsets.parquet").set_index("video_id")
    assert [names[rows.loc[v, "label"]] for v in ("Drink_25_1", "Wave_25_1", "Drink_26_1")] == [
        "Wave",
        "Drink",
        "Drink",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "video_id,class\nNobody_1_1,Wave\n",
            "corrected.csv:2: video 'Nobody_1_1' is in no list of the data set",
        ),
        (None, "datasets.darkroom.corrections: [Errno 2] No such file or directory: 'corrected.csv'"),
    ],
)
def test_a_wrong_list_of_corrections_is_refused(workflow, text, message):
    if text:
        (workflow.folder / "corrected.csv").write_text(text)
    overlay = "datasets: {darkroom: {corrections: corrected.csv}}\n"
    assert message in workflow.refusal(overlay)


def test_what_is_known_of_three_teachers_takes_their_folds(workflow):
    jobs = workflow.plan("knowledge")
    assert (jobs["train_teacher"], jobs["train_fold"], jobs["gather_folds"]) == (3, 9, 3)
    assert {"gather_knowledge", "find_suspects", "tabulate_worth"} <= jobs.keys()
    assert jobs["distill_student"] == 2  # the one looked at and, to compare, the one of two teachers


def test_without_folds_the_rest_is_made_and_the_plan_says_what_is_missing(workflow, tmp_path):
    overlay = tmp_path / "no_folds.yaml"
    overlay.write_text("knowledge: {out_of_fold: false}\n")
    output = workflow.run("--dry-run", "knowledge", "--configfile", str(overlay))
    assert "no out-of-fold logits of rgb, flow, moving, so no suspect labels and no worth" in output
    assert "set knowledge.out_of_fold to true, which trains each teacher 3 times more" in output
    jobs = workflow.plan("knowledge", "--configfile", str(overlay))
    assert (
        jobs["gather_knowledge"] == 1 and not {"train_fold", "find_suspects", "tabulate_worth"} & jobs.keys()
    )


def test_planted_labels_are_measured_by_72_trainings_on_frames_that_are_made_once(workflow):
    target = "results/darkroom_wrong/knowledge/planted.csv"
    jobs = workflow.plan(target, "--configfile", "config/wrong_labels.yaml")
    assert jobs["train_teacher"] + jobs["train_fold"] == 72 and "distill_student" not in jobs
    assert jobs["compute_flow"] == jobs["decode_videos"] == 4 and jobs["split_videos"] == 6
    refusal = workflow.refusal("knowledge: {planted: []}\n", "--", "results/darkroom/knowledge/planted.csv")
    assert "knowledge.planted has 0 names for 2 splits of darkroom" in refusal


@pytest.mark.slow
def test_everything_that_is_known_is_made(finished):
    """On tiny networks that know nothing: sums and shapes, not what they say."""
    finished.run("knowledge", "--configfile", TINY)
    folder = finished.folder / "results/darkroom"
    table, metadata = read_facts(folder / "knowledge.parquet")
    rows = table.to_pandas()
    assert metadata["teachers"] == ["rgb", "flow", "moving"] and metadata["out_of_fold"]
    assert rows.groupby("role")["name"].unique().map(list).to_dict() == {
        "fusions": ["ukd3"],
        "students": ["moving_ukd3"],
        "teachers": ["rgb", "flow", "moving"],
    }
    weighted = rows[rows["weight"].notna()]
    assert (weighted["subset"] == "train").all() and weighted["fold"].isna().all()
    sums = weighted.groupby(["video_id", "view"])["weight"].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    worth = pd.read_csv(folder / "knowledge/worth.csv")
    for _, part in worth.groupby("tau"):
        value = part.set_index("teacher")["value"]
        assert part["shapley"].sum() == pytest.approx(value["(all)"] - value["(none)"])
        assert part["seconds"].notna().sum() == 3
    assert set(pd.read_csv(folder / "suspects.csv")["video_id"]) <= set(rows["video_id"])
