"""The plan of the real configuration in an empty folder: which jobs, how many."""

ARMS = 8  # students of the default configuration
SHARDS = 4


def test_default_run_trains_each_network_once(workflow):
    jobs = workflow.plan()
    assert jobs["train_teacher"] == 2
    assert jobs["distill_student"] == ARMS
    assert jobs["evaluate"] == 2 + ARMS + 1  # and the two-stream fusion
    assert jobs["fuse_logits"] == ARMS + 1
    assert jobs["export_logits"] == 2 * 2 + ARMS  # teachers on train and test, students on test
    assert (
        jobs["compute_flow"]
        == jobs["correct_gamma"]
        == jobs["decode_videos"]
        == jobs["inspect_videos"]
        == SHARDS
    )


def test_each_seed_and_split_repeats_the_trainings_but_not_the_frames(workflow, tmp_path):
    overlay = tmp_path / "more.yaml"
    overlay.write_text("run: {splits: [0, 1], seeds: [0, 1, 2]}\n")
    jobs = workflow.plan("--configfile", str(overlay))
    assert jobs["train_teacher"] == 2 * 6 and jobs["distill_student"] == ARMS * 6
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
