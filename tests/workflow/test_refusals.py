"""A faulty configuration is refused before any job starts; the message names key, value and what is allowed."""

import pytest

CASES = {
    "unknown key": (
        "run: {datset: darkroom}",
        "run has 'datset', which is unknown; known: [dataset, device, ",
    ),
    "unknown section": (
        "tabels: {}",
        "the top level has 'tabels', which is unknown; known: [cost, datasets, ",
    ),
    "wrong type": ("run: {seeds: [first]}", "run.seeds.0 is 'first'; it must be of type integer"),
    "impossible value": ("fusions: {ukd: {tau: -1}}", "fusions.ukd.tau is -1; it must be at least 0.01"),
    "a training on no GPU": ("recipes: {train: {gpus: 0}}", "recipes.train.gpus is 0; it must be at least 1"),
    "unknown method": (
        "fusions: {ukd: {method: best}}",
        "fusions.ukd.method is 'best'; it must be one of ['single', ",
    ),
    "missing key": ("teachers: {new: {modality: rgb, recipe: train}}", "teachers.new lacks 'network'"),
    "split without lists": (
        "datasets: {darkroom: {splits: [{train: a.txt}]}}",
        "datasets.darkroom.splits.0 lacks 'test'",
    ),
    "unknown dataset": (
        "run: {dataset: arrid}",
        "run.dataset names 'arrid', which is not under datasets: [darkroom]",
    ),
    "unknown teacher": (
        "fusions: {ukd: {teachers: [rgb, flwo]}}",
        "fusions.ukd.teachers names 'flwo', which is not under teachers: [flow, moving, rgb, rgb_random]",
    ),
    "unknown student": (
        "knowledge: {student: nobody}",
        "knowledge.student names 'nobody', which is not under students: [flow_kd_flow, ",
    ),
    "videos in a bucket": (
        'datasets: {darkroom: {videos: "s3://bucket/videos"}}',
        "config.yaml: datasets.darkroom.videos: 's3://bucket/videos' is a URL",
    ),
    "logits in a bucket": (
        'teachers: {mine: {logits: "s3://bucket/{subset}.parquet"}}\nfusions: {ukd: {teachers: [rgb, mine]}}',
        "config.yaml: teachers.mine.logits: 's3://bucket/train.parquet' is a URL",
    ),
    "weights in a bucket": (
        'weights: {k: {note: n, file: "s3://bucket/k.pt"}}\nteachers: {rgb: {weights: k}}',
        "config.yaml: weights.k.file: 's3://bucket/k.pt' is a URL",
    ),
    "unknown student of the cost table": ("cost: {student: nobody}", "cost.student names 'nobody'"),
    "split that is not there": (
        "run: {splits: [2]}",
        "run.splits names 2, but the splits of darkroom are numbered [0, 1]",
    ),
    "h at or under 1/C": ("fusions: {ukd: {h: 0.05}}", "fusions.ukd.h is 0.05"),
    "labels would leak": (
        "tables: {table3: {rows: {GTD itself: fusions/gtd}}}",
        "weights teachers by the ground-truth label, a leak",
    ),
    "labels would leak on the validation clips": (
        "run: {tables: [v]}\ntables: {v: {caption: c, subset: val, baseline: a, rows: {a: fusions/softmin_ce}}}\n"
        "fusions: {softmin_ce: {method: softmin_ce, teachers: [rgb, flow], tau: 1}}",
        "whose method 'softmin_ce' weights teachers by the ground-truth label, a leak",
    ),
    "no validation clips": (
        "run: {tables: [v]}\ntables: {v: {caption: c, subset: val, baseline: a, rows: {a: teachers/rgb}}}\n"
        "datasets: {darkroom: {validation: 0}}",
        "tables.v.subset is 'val', but datasets.darkroom.validation holds no videos out and splits[0] lists none",
    ),
    "a file of unknown origin among out-of-fold teachers": (
        "teachers: {mine: {logits: mine.parquet}}\nfusions: {ukd_oof: {teachers: [rgb, mine]}}",
        "fusions.ukd_oof is out_of_fold, but teachers.mine is a file",
    ),
    "a teacher of both kinds": (
        "teachers: {rgb: {logits: mine.parquet}}",
        "teachers.rgb has 'logits', which is unknown",
    ),
    "group pattern that fits no name": (
        "datasets: {darkroom: {group: '^([0-9]+)_'}}",
        "datasets.darkroom: video 'Drink_25_1' has no group",
    ),
    "groups that are whole classes": (
        "datasets: {darkroom: {group: '^([A-Za-z]+)_'}}",
        "datasets.darkroom: splits[0]: group 'Drink' is in train (Drink_",
    ),
    "a class of one group": (
        "datasets: {darkroom: {group: '^([A-Za-z]+)_', splits: [{all: data/tiny/train.txt, test_share: 0.3}]}}",
        "datasets.darkroom: splits[0]: class 'Drink' has videos of the group 'Drink' only, but 3",
    ),
    "missing list": (
        "datasets: {darkroom: {splits: [{train: nowhere.txt, test: nowhere.txt}]}}",
        "datasets.darkroom: [Errno 2] No such file or directory: 'nowhere.txt'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_faulty_configuration_is_refused_by_name(workflow, case):
    overlay, message = CASES[case]
    assert message in workflow.refusal(overlay + "\n")


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ("test", "datasets.own.validation holds no videos out and splits[0] lists none"),
        ("other", "datasets.own: splits[0]: no video is in test; its lists have videos for train, "),
    ],
)
def test_a_column_subset_that_lacks_a_part_is_refused(workflow, second, complaint):
    rows = [
        f"{name}_{number}.mp4,{name},{'train' if number < 2 else second}"
        for name in ("run", "sit")
        for number in range(4)
    ]
    (workflow.folder / "own.csv").write_text("\n".join(["video,label,subset", *rows]))
    (workflow.folder / "clips").mkdir()
    overlay = (
        "run: {dataset: own, tables: [v]}\ndatasets: {own: {videos: clips, list: own.csv}}\n"
        "tables: {v: {caption: c, subset: val, baseline: a, rows: {a: teachers/rgb}}}\n"
    )
    assert complaint in workflow.refusal(overlay)


def test_a_list_that_contradicts_itself_is_refused_with_file_and_line(workflow):
    path = workflow.folder / "data/darkroom/list_cvt/split0_train.txt"
    first, second, *rest = path.read_text().splitlines()
    index, _, video = second.split("\t")
    path.write_text("\n".join([first, f"{index}\t99\t{video}", *rest]) + "\n")
    assert "split0_train.txt:2" in workflow.refusal("run: {seeds: [0]}\n")


def test_a_fusion_that_uses_labels_does_not_predict_test_clips(workflow):
    done = workflow.snakemake("--dry-run", "results/darkroom/split0/seed0/fusions/ukd/logits/test.parquet")
    assert done.returncode != 0
    assert (
        "fusions.ukd weights teachers by the ground-truth label (method 'pkd'), a leak on the subset 'test'"
        in (done.stdout + done.stderr)
    )
