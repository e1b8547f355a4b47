"""A faulty configuration is refused with one sentence: key, value, what is allowed."""

import copy
import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from ukdlib.darkroom.camera import Difficulty
from ukdlib.knowledge import fusion
from ukdlib.settings import config as module
from ukdlib.settings.checks import check_config
from ukdlib.settings.config import (
    any_of,
    foreign_names,
    has_flow,
    recipe_of,
    transform_names,
    transforms_of,
)
from ukdlib.settings.data_checks import WITHOUT_FRAMES

ROOT = Path(__file__).parents[3]
RECIPE = {
    "frames": 8,
    "stride": 2,
    "crop": 64,
    "short_side": [64, 82],
    "test_short_side": 72,
    "export_views": 4,
    "batch_size": 16,
}
GOOD = {
    "run": {"dataset": "toy", "splits": [0], "seeds": [0], "tables": ["main"], "device": "cpu"},
    "datasets": {"toy": {"splits": [{"train": "a", "test": "b"}], "group": r"^[A-Za-z]+_(\d+)_\d+$"}},
    "modalities": {
        "dark": {"of": "video", "transform": "none"},
        "rgb": {"of": "dark", "transform": "gamma", "gamma": 3.0, "codec": "jpeg"},
        "flow": {"of": "rgb", "transform": "tvl1", "preset": "opencv", "bound": 20},
    },
    "networks": {"slowfast": {"arch": "slowfast", "frames": 8, "alpha": 8, "width": 16, "beta": 8}},
    "weights": {},
    "recipes": {"train": RECIPE, "other": {**RECIPE}},
    "teachers": {
        "rgb": {"network": "slowfast", "modality": "rgb", "recipe": "train"},
        "flow": {"network": "slowfast", "modality": "flow", "recipe": "other"},
    },
    "fusions": {
        "single": {"method": "single", "teachers": ["rgb"], "tau": 5},
        "ukd": {"method": "pkd", "teachers": ["rgb", "flow"], "tau": 20, "h": 0.99, "target": "video"},
        "ukd_tau8": {"method": "pkd", "teachers": ["rgb", "flow"], "tau": 8, "h": 0.99, "target": "view"},
        "two_stream": {"method": "mean", "teachers": ["rgb", "flow"], "tau": 1},
    },
    "students": {
        "rgb_ukd": {"network": "slowfast", "modality": "rgb", "recipe": "train", "fusion": "ukd_tau8"}
    },
    "tables": {
        "main": {
            "rows": {"RGB": "teachers/rgb", "two": "fusions/two_stream", "UKD": "students/rgb_ukd"},
            "baseline": "RGB",
            "paper": {"UKD": 71.3},
        }
    },
    "cost": {"student": "rgb_ukd"},
    "figures": {"compare": {"RGB": "teachers/rgb"}, "weights": ["ukd"]},
}
CLASSES = {"toy": ["Drink", "Jump", "Pick", "Pour"]}

# what is wrong: path of the changed value, the value, the whole message after "config.yaml: "
FAULTS = [
    ("networks.slowfast.alpha", 5, "networks.slowfast.frames is 8; it must be a multiple of alpha, 5"),
    ("networks.slowfast.beta", 3, "networks.slowfast.width is 16; it must be a multiple of beta, 3"),
    (
        "networks.slowfast",
        {"arch": "slowfast_r50_4x16", "frames": 12},
        "networks.slowfast.frames is 12; it must be a multiple of alpha, 8",
    ),
    (
        "networks.slowfast",
        {"arch": "mvit", "frames": 8, "crop": 32},
        "teachers.rgb: network slowfast takes 32 pixels, recipe train gives 64; they must agree",
    ),
    (
        "recipes.other.frames",
        4,
        "teachers.flow: network slowfast takes 8 frames, recipe other gives 4; they must agree",
    ),
    ("run.dataset", "arid", "run.dataset names 'arid', which is not under datasets: [toy]"),
    ("run.tables", ["one"], "run.tables names 'one', which is not under tables: [main]"),
    ("run.splits", [0, 1], "run.splits names 1, but the splits of toy are numbered [0]"),
    (
        "datasets.toy.group",
        "(",
        "datasets.toy.group is '(', which is not a valid regular expression: .*position 0",
    ),
    (
        "modalities.rgb.of",
        "grey",
        "modalities.rgb.of names 'grey', which is not under modalities: [dark, flow, rgb]",
    ),
    ("modalities.dark.of", "rgb", "modalities.dark.of never reaches 'video': dark of rgb of dark"),
    ("modalities.dark.of", "dark", "modalities.dark.of never reaches 'video': dark of dark"),
    (
        "modalities.dark.transform",
        "log",
        "modalities.dark.transform is 'log'; known: [clahe, gamma, moving, none, retinex, tvl1]",
    ),
    ("modalities.dark.gamma", 2.0, "modalities.dark sets 'gamma', but transform 'none' takes []"),
    (
        "modalities.flow.gamma",
        2.0,
        "modalities.flow sets 'gamma', but transform 'tvl1' takes [backend, bound, preset]",
    ),
    (
        "modalities.rgb.backend",
        "opencv",
        "modalities.rgb sets 'backend', but transform 'gamma' takes [gamma]",
    ),
    (
        "modalities.flow.backend",
        "dis",
        "modalities.flow sets 'preset', but backend 'dis' takes [backend, bound]",
    ),
    ("modalities.rgb.bound", 20, "modalities.rgb sets 'bound', but transform 'gamma' takes [gamma]"),
    ("modalities.rgb.gamma", None, "modalities.rgb lacks 'gamma', which transform 'gamma' needs"),
    (
        "modalities.flow.of",
        "video",
        "modalities.flow applies 'tvl1' to 'video'; it takes frames of [dark, rgb]",
    ),
    (
        "modalities.small",
        {"of": "dark", "transform": "none"},
        "modalities.small is 'dark' with transform 'none'; only 'video' can be used unchanged",
    ),
    ("modalities.flow.bound", None, "modalities.flow lacks 'bound', which transform 'tvl1' needs"),
    (
        "modalities.warp",
        {"of": "flow", "transform": "tvl1", "preset": "fast", "bound": 8},
        "modalities.warp applies 'tvl1' to 'flow', which is flow; it needs images",
    ),
    (
        "modalities.dark.codec",
        "jpeg",
        "modalities.rgb applies 'gamma' to 'dark', whose codec is 'jpeg'; "
        "a correction must come before any lossy step, so use codec 'raw' there",
    ),
    (
        "modalities.moving",
        {"of": "video", "transform": "moving"},
        "modalities.moving applies 'moving' to 'video'; it takes frames of [dark, rgb]",
    ),
    (
        "modalities.moving",
        {"of": "flow", "transform": "moving"},
        "modalities.moving applies 'moving' to 'flow', which is flow; it needs images",
    ),
    (
        "modalities.moving",
        {"of": "rgb", "transform": "moving", "mean": 0.5},
        "modalities.moving sets 'mean', but `moving` has no frames of its own.*",
    ),
    (
        "datasets.provenance",
        {"splits": [{"train": "a", "test": "b"}]},
        "datasets has an entry 'provenance'; results/provenance is for other files, so take another name",
    ),
    (
        "modalities.video",
        {"of": "video", "transform": "none"},
        "modalities has an entry 'video'; this name .*",
    ),
    (
        "recipes.train.micro_batch",
        5,
        "recipes.train.micro_batch is 5; it must divide batch_size, which is 16",
    ),
    ("recipes.train.gpus", 17, "recipes.train.gpus is 17; they share batch_size, which is 16"),
    ("recipes.train.crop", 70, "recipes.train.short_side has 64; it is at least the crop, which is 70"),
    (
        "recipes.train.test_short_side",
        60,
        "recipes.train.test_short_side has 60; it is at least the crop, .* 64",
    ),
    (
        "recipes.train.short_side",
        [82, 64],
        "recipes.train.short_side is [82, 64]; the smaller number comes first",
    ),
    (
        "teachers.rgb.network",
        "i3d",
        "teachers.rgb.network names 'i3d', which is not under networks: [slowfast]",
    ),
    (
        "teachers.rgb.modality",
        "video",
        "teachers.rgb.modality names 'video', which is not under modalities: [dark, flow, rgb]",
    ),
    (
        "teachers.rgb.recipe",
        "long",
        "teachers.rgb.recipe names 'long', which is not under recipes: [other, train]",
    ),
    (
        "fusions.ukd.teachers",
        ["rgb", "rgbb"],
        "fusions.ukd.teachers names 'rgbb', which is not under teachers: [flow, rgb]",
    ),
    ("fusions.ukd.teachers", [], "fusions.ukd.teachers is empty; it needs one or more of [flow, rgb]"),
    (
        "fusions.ukd.teachers",
        ["rgb", "flow", "rgb"],
        "fusions.ukd.teachers names 'rgb' more than once; name each teacher once",
    ),
    (
        "publish",
        {"teachers": ["rgbb"]},
        "publish.teachers names 'rgbb', which is not under teachers: [flow, rgb]",
    ),
    (
        "students.rgb_ukd.unlabelled",
        1,
        "students.rgb_ukd.unlabelled is 1, but datasets.toy.unlabelled names no clips",
    ),
    (
        "datasets.toy.render",
        {"size": [32, 32], "fps": 5, "seed": 0, "camera": {"tone": [2.2, 1.0]}},
        "datasets.toy.render.camera.tone is [2.2, 1.0]; the lowest value comes first",
    ),
    (
        "fusions.single.teachers",
        ["rgb", "flow"],
        "fusions.single.teachers is [flow, rgb]; method 'single' takes exactly one",
    ),
    (
        "fusions.average",
        {"method": "avg1", "teachers": ["rgb", "flow"], "tau": 4, "fuse_as": "logits"},
        "fusions.average.fuse_as is 'logits'; 'avg1' is a mean of divergences, so take probabilities",
    ),
    (
        "tables.main.subset",
        "val",
        "tables.main.subset is 'val', but datasets.toy.validation holds no videos out and splits[0] lists none",
    ),
    ("fusions.ukd_tau8.tau", 10, "fusions.ukd_tau8 has tau 8 in its name, but its tau is 10"),
    (
        "fusions.ukd.h",
        0.25,
        "fusions.ukd.h is 0.25; it must lie between 1/C with the 4 classes of toy and 1, both excluded",
    ),
    ("fusions.ukd.h", 1.0, "fusions.ukd.h is 1.0; it must lie between .*"),
    (
        "recipes.other.export_views",
        2,
        "fusions.ukd needs the same views of all its members, but the recipe of teachers.flow has export_views 2 "
        "and that of teachers.rgb 4",
    ),
    (
        "recipes.other.stride",
        1,
        "fusions.ukd_tau8 needs the same views of all its members, but the recipe of teachers.flow has stride 1 "
        "and that of teachers.rgb 2",
    ),
    (
        "students.rgb_ukd.network",
        "i3d",
        "students.rgb_ukd.network names 'i3d', which is not under networks: .*",
    ),
    (
        "students.rgb_ukd.modality",
        "ir",
        "students.rgb_ukd.modality names 'ir', which is not under modalities: .*",
    ),
    (
        "students.rgb_ukd.recipe",
        "long",
        "students.rgb_ukd.recipe names 'long', which is not under recipes: .*",
    ),
    ("students.rgb_ukd.fusion", "kd", "students.rgb_ukd.fusion names 'kd', which is not under fusions: .*"),
    (
        "tables.main.rows.UKD",
        "students/ukd",
        "tables.main.rows['UKD'] names 'ukd', which is not under students: [rgb_ukd]",
    ),
    (
        "tables.main.rows.UKD",
        "student/rgb_ukd",
        "tables.main.rows['UKD'] is 'student/rgb_ukd'; a row is ROLE/NAME with a role of .*",
    ),
    (
        "tables.main.rows.UKD",
        "fusions/ukd",
        "tables.main.rows['UKD'] tests 'fusions/ukd', whose method 'pkd' weights teachers by the ground-truth label, "
        "a leak; a fusion that is tested cannot use the methods [ca_mkd, gtd, pkd, softmin_ce]",
    ),
    (
        "tables.main.baseline",
        "rgb",
        "tables.main.baseline names 'rgb', which is not one of its rows: [RGB, UKD, two]",
    ),
    (
        "datasets.toy.splits",
        [{"all": "a"}],
        "datasets.toy.splits[0] has [all]; it takes train and test, or one of .*",
    ),
    (
        "datasets.toy.splits",
        [{"fold": 3, "of": 3}],
        "datasets.toy.splits[0].fold is 3; the last of 3 folds is 2",
    ),
    (
        "datasets.toy.splits",
        [{"train": "a", "test": "b", "test_share": 0.3}],
        "datasets.toy.splits[0] has [test, test_share, train]; it takes train and test, or .*",
    ),
    ("tables.main.paper", {"GTD": 68.7}, "tables.main.paper names 'GTD', which is not one of its rows: .*"),
    ("cost.student", "rgb", "cost.student names 'rgb', which is not under students: [rgb_ukd]"),
    ("figures.weights", ["kd"], "figures.weights names 'kd', which is not under fusions: .*"),
    ("figures.compare.RGB", "fusions/ukd", "figures.compare['RGB'] tests 'fusions/ukd', whose method .*"),
    (
        "teachers.RGB",
        GOOD["teachers"]["rgb"],
        "teachers has an entry 'RGB'; a name has a-z, 0-9 and _ and begins .*",
    ),
]


def with_value(place, value):
    """GOOD with one value set, or removed if None."""
    faulty = copy.deepcopy(GOOD)
    *parents, key = place.split(".")
    section = faulty
    for parent in parents:
        section = section[parent]
    if value is None:
        del section[key]
    else:
        section[key] = value
    return faulty


def pattern(message):
    """The message as a regular expression in which only .* is special."""
    return re.escape("config.yaml: ") + ".*".join(map(re.escape, message.split(".*")))


def test_a_sound_configuration_passes_with_and_without_class_names():
    check_config(GOOD)
    check_config(GOOD, CLASSES)


@pytest.mark.parametrize(
    ("place", "value", "message"), FAULTS, ids=[f"{p}={str(v)[:20]}" for p, v, _ in FAULTS]
)
def test_a_fault_is_reported_in_one_sentence(place, value, message):
    with pytest.raises(ValueError) as caught:
        check_config(with_value(place, value), CLASSES)
    first = str(caught.value).splitlines()[0]  # others follow where one fault spoils several entries
    assert re.fullmatch(pattern(message), first), first


def with_moving():
    config = with_value("modalities.moving", {"of": "rgb", "transform": "moving"})
    config["teachers"]["rgb"]["modality"] = "moving"
    return config


def test_what_changes_is_seen_in_windows_of_several_frames():
    check_config(with_moving(), CLASSES)
    faulty = with_moving()
    faulty["recipes"][faulty["teachers"]["rgb"]["recipe"]]["frames"] = 1
    with pytest.raises(
        ValueError, match=r"teachers\.rgb sees 'moving' in windows of one frame .*take at least 2"
    ):
        check_config(faulty, CLASSES)


def test_nothing_is_computed_from_a_modality_without_frames():
    faulty = with_moving()
    faulty["modalities"]["flow"]["of"] = "moving"
    with pytest.raises(
        ValueError, match=r"modalities\.flow is of 'moving', which has no frames of its own: .*'rgb'"
    ):
        check_config(faulty, CLASSES)


def test_the_schema_fills_in_what_counts_as_absent_for_a_modality_without_frames():
    schema = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
    keys = schema["properties"]["modalities"]["additionalProperties"]["properties"]
    assert {key: keys[key].get("default") for key in WITHOUT_FRAMES} == WITHOUT_FRAMES


def test_all_faults_of_one_kind_are_reported_together():
    faulty = with_value("teachers.rgb.network", "i3d")
    faulty["students"]["rgb_ukd"]["fusion"] = "kd"
    with pytest.raises(ValueError) as caught:
        check_config(faulty)
    assert [line.split(" names")[0] for line in str(caught.value).splitlines()] == [
        "config.yaml: teachers.rgb.network",
        "config.yaml: students.rgb_ukd.fusion",
    ]


def test_h_must_be_between_0_and_1_while_the_classes_are_unknown():
    check_config(with_value("fusions.ukd.h", 0.2))
    with pytest.raises(ValueError, match=r"fusions.ukd.h is 1.5; it must lie between 0 and 1"):
        check_config(with_value("fusions.ukd.h", 1.5))


def test_a_name_without_tau_is_not_checked():
    check_config(with_value("fusions.ukd.tau", 3))


def test_students_of_a_target_per_view_see_their_teachers_views():
    faulty = with_value("recipes.third", {**RECIPE, "crop": 32})
    faulty["students"]["rgb_ukd"]["recipe"] = "third"
    with pytest.raises(ValueError, match=r"fusions.ukd_tau8 needs .* students.rgb_ukd has crop 32 and .* 64"):
        check_config(faulty)
    faulty["students"]["rgb_ukd"]["fusion"] = "ukd"  # one target per video: any view is fine
    check_config(faulty)


def test_teachers_of_a_fusion_that_is_tested_see_the_same_test_views():
    faulty = with_value("recipes.other.test_crops", 3)
    with pytest.raises(
        ValueError, match=r"fusions.two_stream needs .* of teachers.flow has test_crops 3 and"
    ):
        check_config(faulty)
    del faulty["tables"]["main"]["rows"]["two"]  # then no test views are fused
    check_config(faulty)


def with_foreign(**changed):
    """GOOD with an external teacher added to every fusion of several, and alone in one."""
    entry = {"logits": "elsewhere/{subset}.parquet", **changed}
    config = with_value("teachers.elsewhere", entry)
    for entry in config["fusions"].values():
        entry["teachers"] += [] if entry["method"] == "single" else ["elsewhere"]
    config["fusions"]["alone"] = {"method": "single", "teachers": ["elsewhere"], "tau": 3, "target": "view"}
    return config


def test_an_external_teacher_needs_no_network_and_no_recipe():
    check_config(with_foreign(), CLASSES)
    assert foreign_names(with_foreign()) == ["elsewhere"]
    assert foreign_names(GOOD) == []


@pytest.mark.parametrize("unseen", [None, False, True])
def test_an_external_teacher_must_be_declared_unseen_to_be_out_of_fold(unseen):
    config = with_foreign(**({} if unseen is None else {"unseen": unseen}))
    config["fusions"]["ukd"]["out_of_fold"] = True
    if unseen:
        check_config(config)
        return
    with pytest.raises(ValueError) as caught:
        check_config(config)
    assert str(caught.value) == (
        "config.yaml: fusions.ukd is out_of_fold, but teachers.elsewhere is a file; declare with "
        "`unseen: true` that it was not trained on the training videos"
    )


def test_averaged_logits_and_other_methods_go_together():
    for method in sorted(set(fusion.METHODS) - {"single", "avg1"}):
        entry = {"method": method, "teachers": ["rgb", "flow"], "tau": 4, "fuse_as": "logits"}
        check_config(with_value("fusions.average", entry))


def test_a_table_of_the_validation_videos_needs_some_only_if_it_is_made():
    config = with_value("tables.main.subset", "val")
    config["datasets"]["toy"]["validation"] = 0.2
    check_config(config)
    del config["datasets"]["toy"]["validation"]
    config["run"]["tables"] = []
    check_config(config)


@pytest.mark.parametrize(
    ("splits", "listing"),
    [([{"train": "a", "val": "v", "test": "b"}], {}), ([{}], {"list": "a.csv"})],
)
def test_validation_videos_may_be_listed_instead(splits, listing):
    config = with_value("tables.main.subset", "val")
    config["datasets"]["toy"] |= {"splits": splits, **listing}
    check_config(config)
    check_config(config, parts={"toy": [{"train", "val", "test"}]})
    with pytest.raises(ValueError, match=r"toy.validation holds no videos out and splits\[0\] lists none"):
        check_config(config, parts={"toy": [{"train", "test"}]})


@pytest.mark.parametrize("split", [{"test_share": 0.3}, {"fold": 0, "of": 3}, {"train": "a", "test": "b"}])
def test_a_list_that_is_split_here_has_no_validation_videos(split):
    config = with_value("tables.main.subset", "val")
    config["datasets"]["toy"] |= {"splits": [split], "list": "a.csv"}
    with pytest.raises(ValueError, match=r"splits\[0\] lists none"):
        check_config(config)


class TestRecipeOf:
    """The recipe whose views a teacher's logits are for."""

    config = with_foreign()
    config["recipes"]["other"]["test_short_side"] = 80
    train, other = config["recipes"]["train"], config["recipes"]["other"]

    def test_its_own_comes_first(self):
        assert recipe_of(self.config, "teachers", "flow") is self.other
        assert recipe_of(self.config, "students", "rgb_ukd") is self.train

    @pytest.mark.parametrize(
        ("teachers", "name"), [(["rgb", "elsewhere"], "train"), (["elsewhere", "flow"], "other")]
    )
    def test_else_that_of_a_teacher_beside_it(self, teachers, name):
        config = copy.deepcopy(self.config)
        config["fusions"] = {"ukd_tau8": {**config["fusions"]["ukd_tau8"], "teachers": teachers}}
        assert recipe_of(config, "teachers", "elsewhere") == self.config["recipes"][name]

    def test_else_that_of_a_student_that_it_teaches(self):
        config = copy.deepcopy(self.config)
        config["students"]["rgb_ukd"] |= {"fusion": "alone", "recipe": "other"}
        config["fusions"] = {"alone": config["fusions"]["alone"]}
        assert recipe_of(config, "teachers", "elsewhere") == self.other

    def test_else_any(self):
        config = copy.deepcopy(self.config)
        config["fusions"] = {}
        assert recipe_of(config, "teachers", "elsewhere") == self.train


def test_an_external_teacher_cannot_have_the_views_of_two_recipes():
    config = with_foreign()
    config["recipes"]["many"] = {**RECIPE, "export_views": 9}
    config["teachers"]["third"] = {"network": "slowfast", "modality": "rgb", "recipe": "many"}
    config["fusions"]["more"] = {"method": "mean", "teachers": ["third", "elsewhere"], "tau": 1}
    with pytest.raises(
        ValueError, match=r"fusions.more needs .* of teachers.elsewhere has export_views 4 .*third 9"
    ):
        check_config(config)


def test_label_methods_are_those_of_the_fusion_module():
    assert module.LABEL_METHODS == fusion.LABEL_METHODS


@pytest.mark.parametrize("name", ["rgb", "flow", "rgbx", ""])
def test_any_of_matches_the_names_and_no_others(name):
    assert bool(re.fullmatch(any_of(["rgb", "flow"]), name)) == (name in {"rgb", "flow"})
    assert not re.search(any_of([]), name)


def test_look_ups_of_modalities():
    assert transform_names(GOOD, "tvl1") == ["flow"]
    assert transform_names(GOOD, "tvl2") == []
    assert has_flow(GOOD, "flow")
    assert not has_flow(GOOD, "rgb")


def test_transforms_are_listed_from_the_video_on():
    assert [entry["transform"] for entry in transforms_of(GOOD, "flow")] == ["none", "gamma", "tvl1"]
    assert transforms_of(GOOD, "dark") == [GOOD["modalities"]["dark"]]
    transforms_of(GOOD, "dark")[0]["codec"] = "raw"  # a copy
    assert "codec" not in GOOD["modalities"]["dark"]


def test_clips_without_labels_may_be_weighted_by_consensus():
    config = copy.deepcopy(GOOD)
    config["datasets"]["toy"]["unlabelled"] = "list.txt"
    config["students"]["rgb_ukd"]["unlabelled"] = 1
    wanted = (
        "students.rgb_ukd learns from clips without labels, but fusions.ukd_tau8 weights teachers by labels (method "
        "'pkd'); set its `consensus`, or use another method than [ca_mkd, gtd, pkd, softmin_ce]"
    )
    with pytest.raises(ValueError, match=re.escape(wanted)):
        check_config(config)
    config["fusions"]["ukd_tau8"]["consensus"] = True
    check_config(config)


def test_the_schema_names_what_the_camera_can_do_otherwise():
    schema = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
    render = schema["properties"]["datasets"]["additionalProperties"]["properties"]["render"]
    fields = {field.name for field in dataclasses.fields(Difficulty)}
    assert set(render["properties"]["camera"]["properties"]) == fields
