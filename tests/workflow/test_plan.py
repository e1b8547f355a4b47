"""The plan of the real configuration in an empty folder: which jobs, how many."""

import re

import pytest

from benchmarks.plan import fabricate

TEACHERS = 4  # of the default configuration: RGB, flow, what changes; RGB from random weights
ARMS = 6  # its students
SHARDS = 4
FOLDS = 3


def test_default_run_trains_each_network_once(workflow):
    jobs = workflow.plan()
    assert jobs["train_teacher"] == TEACHERS and "train_fold" not in jobs
    assert jobs["distill_student"] == ARMS
    assert jobs["evaluate"] == TEACHERS + ARMS + 1  # and the two-stream fusion
    assert jobs["fuse_logits"] == ARMS + 1  # and two streams
    # teachers, all but the one from random weights, on train; all of them and students on test; two models on val
    assert jobs["export_logits"] == TEACHERS - 1 + TEACHERS + ARMS + jobs["calibrate"]
    assert jobs["calibrate"] == 2 and jobs["tabulate_calibration"] == 1 and "package_model" not in jobs
    assert jobs["compute_flow"] == jobs["inspect_videos"] == SHARDS
    assert "correct_frames" not in jobs  # gamma is of the video itself


def test_each_seed_and_split_repeats_the_trainings_but_not_the_frames(workflow, tmp_path):
    overlay = tmp_path / "more.yaml"
    overlay.write_text("run: {splits: [0, 1], seeds: [0, 1, 2]}\n")
    jobs = workflow.plan("--configfile", str(overlay))
    assert jobs["train_teacher"] == TEACHERS * 6 and jobs["distill_student"] == ARMS * 6
    assert jobs["compute_flow"] == SHARDS and jobs["split_videos"] == 2


def test_one_more_teacher_is_one_training_and_one_export(workflow, tmp_path):
    before = workflow.plan()
    overlay = tmp_path / "third.yaml"
    overlay.write_text(
        "teachers: {dark: {network: slowfast, modality: dark, recipe: train}}\n"
        "fusions: {ukd: {teachers: [rgb, flow, dark]}}\n"
    )
    after = workflow.plan("--configfile", str(overlay))
    assert {rule: after[rule] - before[rule] for rule in after if after[rule] != before[rule]} == {
        "train_teacher": 1,
        "export_logits": 1,  # on the training subset; no table row tests the new teacher
    }


def test_the_cluster_profile_plans_the_same_jobs(workflow):
    assert workflow.plan("--workflow-profile", "profiles/slurm") == workflow.plan()


def test_the_report_rule_is_reachable_by_name(workflow):
    assert workflow.plan("report") == workflow.plan()


def test_teachers_are_unlimited(workflow, tmp_path):
    """64 trained teachers in one fusion: 64 trainings and exports, one fusion, and the student as before."""
    names = [f"rgb{i}" for i in range(64)]
    overlay = tmp_path / "many.yaml"
    teachers = ", ".join(f"{name}: {{network: slowfast, modality: rgb, recipe: train}}" for name in names)
    overlay.write_text(
        f"teachers: {{{teachers}}}\n"
        f"fusions: {{many: {{method: pkd, teachers: [{', '.join(names)}], tau: 20}}}}\n"
        "students: {rgb_many: {network: slowfast, modality: rgb, recipe: train, fusion: many}}\n"
    )
    target = "results/darkroom/split0/seed0/students/rgb_many/checkpoint.safetensors"
    jobs = workflow.plan(target, "--configfile", str(overlay))
    assert jobs["train_teacher"] == jobs["export_logits"] == 64
    assert jobs["fuse_logits"] == jobs["distill_student"] == 1


def test_a_validation_table_needs_the_validation_clips_of_its_rows(workflow, tmp_path):
    overlay = tmp_path / "val.yaml"
    overlay.write_text(
        "run: {tables: [choice]}\n"
        "tables: {choice: {caption: c, subset: val, seeds: [0, 1], baseline: a, rows: {a: teachers/rgb}}}\n"
    )
    jobs = workflow.plan("results/darkroom/tables/choice.csv", "--configfile", str(overlay))
    assert jobs["train_teacher"] == jobs["export_logits"] == jobs["evaluate"] == 2  # one for each seed


@pytest.mark.parametrize("split", ["{train: train.csv, val: val.csv, test: test.csv}", "{}"])
def test_validation_clips_may_be_listed(workflow, tmp_path, split):
    (tmp_path / "clips").mkdir()
    rows = {
        part: [f"{name}_{part}.mp4,{name}" for name in ("run", "sit")] for part in ("train", "val", "test")
    }
    for part, lines in rows.items():
        (tmp_path / f"{part}.csv").write_text("\n".join(["video,label", *lines]))
    every = [f"{line},{part}" for part, lines in rows.items() for line in lines]
    (tmp_path / "own.csv").write_text("\n".join(["video,label,subset", *every]))
    overlay = tmp_path / "val.yaml"
    overlay.write_text(
        "run: {dataset: own, tables: [v]}\n"
        f"datasets: {{own: {{videos: clips, list: own.csv, splits: [{split}]}}}}\n"
        "tables: {v: {caption: c, subset: val, baseline: a, rows: {a: teachers/rgb}}}\n"
    )
    jobs = workflow.plan("results/own/tables/v.csv", "--configfile", str(overlay))
    assert jobs["export_logits"] == jobs["evaluate"] == jobs["split_videos"] == 1


def test_the_study_plans_its_seeds_and_splits(workflow):
    runs = 2 * 5  # splits x seeds
    jobs = workflow.plan("--configfile", "config/study.yaml")
    assert jobs["train_teacher"] == (TEACHERS + 1) * runs and "train_fold" not in jobs
    assert jobs["compute_flow"] == 2 * SHARDS  # as many shards of clips without labels
    assert jobs["export_unlabelled"] == 3 * runs


def test_more_of_the_study_has_two_seeds(workflow):
    runs, families = 2 * 2, 7  # networks of other families, for the table of many teachers
    jobs = workflow.plan("--configfile", "config/study.yaml", "config/study_more.yaml")
    assert jobs["train_teacher"] == (3 + families) * runs and jobs["train_fold"] == 3 * FOLDS * runs
    assert jobs["compute_flow"] == SHARDS and "export_unlabelled" not in jobs


def test_daylight_trains_what_it_publishes_and_nothing_else(workflow):
    jobs = workflow.plan("weights", "--configfile", "config/daylight.yaml")
    assert jobs["train_teacher"] == jobs["publish_weights"] == jobs["evaluate"] == 3
    assert jobs["describe_weights"] == jobs["weights"] == 1 and not {"distill_student", "report"} & set(jobs)


def test_weights_are_published_only_where_that_is_asked_for(workflow):
    done = workflow.snakemake("--dry-run", "weights")
    assert done.returncode != 0 and "has no `publish`" in done.stdout + done.stderr


def test_a_shaken_camera_is_another_data_set(workflow):
    jobs = workflow.plan("results/shaken/tables/one_stream.md", "--configfile", "config/shaken.yaml")
    assert (
        jobs["train_teacher"] == 3 * 3 and jobs["render_darkroom"] == SHARDS and "distill_student" not in jobs
    )


def test_arid_plans_table_3_and_the_papers_start(workflow):
    fabricate(workflow.folder, 110)
    runs, students = 2 * 3, 10
    jobs = workflow.plan("--configfile", "config/arid.yaml")
    assert jobs["train_teacher"] == 10 * runs and jobs["distill_student"] == students * runs
    assert "fetch_weights" not in jobs
    started = workflow.plan("--configfile", "config/arid.yaml", "config/kinetics400.yaml")
    assert started == {**jobs, "fetch_weights": 4}


def test_the_knowledge_page_needs_no_more_than_its_facts_and_frames(workflow):
    jobs = workflow.plan("draw_knowledge_page")
    assert jobs["draw_knowledge_page"] == jobs["gather_knowledge"] == jobs["distill_student"] == 1
    assert jobs["decode_videos"] == jobs["compute_flow"] == SHARDS  # RGB and its flow, nothing as filmed


def test_many_clips_are_on_several_pages(workflow):
    workflow.edit("rules/inputs/knowledge_page.smk", "CLIPS_OF_A_PAGE = 6000", "CLIPS_OF_A_PAGE = 200")
    pages = re.findall(r"knowledge(?:_\d+)?\.html", workflow.run("--dry-run", "draw_knowledge_page"))
    clips = sum(
        len(path.read_text().splitlines()) for path in workflow.folder.glob("data/darkroom/list_cvt/split0_*")
    )
    assert len(set(pages)) == -(-clips // 200) > 1
