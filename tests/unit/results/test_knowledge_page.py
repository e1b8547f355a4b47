"""The knowledge page: divergences by hand, the right predictions of each clip, names that stay data, gaps."""

import base64
import html
import json
import re

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.unit.results.synthetic_facts import about, as_table, facts_of
from ukdlib.frames.writing import write_shard
from ukdlib.results.knowledge.clips import clips_of
from ukdlib.results.knowledge.disagreement import disagreement, mean_loss
from ukdlib.results.knowledge.page import by_disagreement, missing, page, write_pages
from ukdlib.results.knowledge.strips import HEIGHT, MOMENTS, flow_strips, picture_strips, strip

CLASSES, TEACHERS = ["Run", "Sit", "Walk"], ["rgb", "flow"]
NAMES = [f"clip{n}" for n in range(9)]
PAYLOADS = [
    "<script>alert(1)</script>", "</script><b>", "a --> b", "<!-- <script>", "&amp;", '"quoted"', "it's", "{{ 7 * 7 }}",
    "日本 語", "line\u2028end", "👋🏽 wave", "שלום \u202eabc",
]  # fmt: skip


def none(_):
    return None


def made(facts, classes=CLASSES, teachers=TEACHERS):
    return clips_of(as_table(facts), about(classes, teachers), 0, 0)


def written(tmp_path, facts, classes=CLASSES, teachers=TEACHERS, picture=none, count=1, **more):
    """The pages and the data in them."""
    paths = [str(tmp_path / f"knowledge{n}.html") for n in range(count)]
    write_pages(paths, made(facts, classes, teachers), about(classes, teachers, **more), picture, none)
    texts = [(tmp_path / f"knowledge{n}.html").read_text() for n in range(count)]
    return texts, [data_of(text) for text in texts]


def data_of(text):
    return json.loads(text.split('type="application/json">')[1].split("</script>")[0])


# ------------------------------------------------------------ disagreement and loss


def test_teachers_that_say_the_same_do_not_disagree():
    same = np.tile([[0.2, 0.5, 0.3]], (4, 5, 1))
    np.testing.assert_allclose(disagreement(same), 0, atol=1e-15)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_teachers_that_are_certain_of_different_classes_disagree_by_ln_k(count):
    np.testing.assert_allclose(disagreement(np.eye(count)[:, None, :]), np.log(count))


def test_disagreement_by_hand_between_bounds_and_in_any_order():
    halves = np.array([[[1.0, 0.0]], [[0.5, 0.5]]])  # H(3/4, 1/4) - (0 + ln 2) / 2
    by_hand = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) - np.log(2) / 2
    np.testing.assert_allclose(disagreement(halves), by_hand)
    drawn = np.random.default_rng(0).dirichlet(np.full(6, 0.3), (5, 200))
    found = disagreement(drawn)
    assert (found >= 0).all() and (found <= np.log(5)).all()
    np.testing.assert_allclose(found, disagreement(drawn[::-1][:, :, ::-1]))


def test_a_teacher_that_did_not_see_a_clip_does_not_count():
    drawn = np.random.default_rng(0).dirichlet(np.ones(4), (3, 6))
    drawn[2, :3] = np.nan
    drawn[:, 5] = np.nan
    found = disagreement(drawn)
    np.testing.assert_allclose(found[:3], disagreement(drawn[:2, :3]))
    assert np.isnan(found[5]) and not np.isnan(found[:5]).any()
    assert np.isnan(mean_loss(drawn, np.zeros(6, int))[5])


def test_loss_is_the_mean_cross_entropy_and_none_without_a_label():
    said = np.array([[[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]], [[0.25, 0.75], [0.9, 0.1], [1.0, 0.0]]])
    found = mean_loss(said, np.array([0, -1, 1]))
    np.testing.assert_allclose(found[0], (np.log(2) + np.log(4)) / 2)
    assert np.isnan(found[1]) and 80 < found[2] < np.inf


# ------------------------------------------------------------ from facts to clips


def softmax(z):
    return np.exp(z - z.max()) / np.exp(z - z.max()).sum()


def test_training_clips_show_what_was_said_out_of_fold_and_views_are_averaged():
    facts = facts_of(NAMES, CLASSES, TEACHERS)
    clips = made(facts.sample(frac=1, random_state=1))
    assert clips.video_ids.tolist() == sorted(NAMES)
    for k, teacher in enumerate(TEACHERS):
        for n, name in enumerate(clips.video_ids):
            train = clips.subsets[n] == "train"
            rows = facts[(facts["name"] == teacher) & (facts["video_id"] == name)]
            rows = rows[rows["fold"].notna() == train]
            assert len(rows) == 2 and clips.out_of_fold[k, n] == train
            np.testing.assert_allclose(
                clips.teachers[k, n], np.mean([softmax(z) for z in rows["logits"]], axis=0), rtol=1e-5
            )
    train = clips.subsets == "train"
    np.testing.assert_allclose(clips.weights[:, train].sum(axis=0), 1, rtol=1e-6)
    assert np.isnan(clips.weights[:, ~train]).all() and np.isnan(clips.fused[~train]).all()
    np.testing.assert_allclose(clips.student.sum(axis=1), 1)


def test_without_out_of_fold_predictions_those_in_sample_are_shown():
    facts = facts_of(NAMES, CLASSES, TEACHERS)
    clips = made(facts[facts["fold"].isna()])
    assert not clips.out_of_fold.any() and not np.isnan(clips.teachers).any()


def test_a_clip_without_label_or_group():
    facts = facts_of(NAMES, CLASSES, TEACHERS)
    apart = facts["video_id"] == "clip3"
    facts.loc[apart, "subset"] = "unlabelled"
    facts.loc[apart, ["label", "group"]] = None
    clips = made(facts)
    assert clips.labels[3] == -1 and clips.groups[3] == "" and clips.subsets[3] == "unlabelled"


def test_of_several_runs_one_is_shown():
    runs = [facts_of(NAMES, CLASSES, TEACHERS, seed=seed).assign(seed=seed) for seed in (0, 1)]
    both, alone = made(pd.concat(runs)), made(runs[0])
    for name in vars(alone):
        np.testing.assert_array_equal(getattr(both, name), getattr(alone, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": 1}, "no rows of split 0, seed 0"),
        ({"label": 7}, "a label is 7, but classes are 0 to 2"),
        ({"logits": [[0.0] * 4] * 90}, "a row has 4 logits, but there are 3 classes"),
    ],
)
def test_facts_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        made(facts_of(NAMES, CLASSES, TEACHERS).assign(**change))


# ------------------------------------------------------------ the page's data


def test_a_row_says_what_the_facts_say(tmp_path):
    facts = facts_of(NAMES, CLASSES, TEACHERS)
    _, (data,) = written(tmp_path, facts)
    clips = made(facts)
    assert data["classes"] == CLASSES and data["teachers"] == TEACHERS
    assert sorted(row["id"] for row in data["clips"]) == sorted(NAMES)
    assert [row["apart"] for row in data["clips"]] == sorted(
        (r["apart"] for r in data["clips"]), reverse=True
    )
    for row in data["clips"]:
        n = clips.video_ids.tolist().index(row["id"])
        assert row["label"] == clips.labels[n]
        for k, (own, guess, sure, weight, held) in enumerate(row["teachers"]):
            said = clips.teachers[k, n]
            assert guess == said.argmax() and held == (row["subset"] == "train")
            np.testing.assert_allclose([own, sure], [said[row["label"]], said.max()], atol=6e-5)
            assert (weight is None) == (row["subset"] == "test")
        assert (row["fused"] is None) == (row["subset"] == "test")
        if row["fused"]:
            shares = [share for _, share in row["fused"]]
            assert shares == sorted(shares, reverse=True) and abs(sum(shares) - 1) < 1e-3


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_that_need_escaping_are_data_everywhere(payload, tmp_path):
    classes, teachers = [payload, "Sit"], [payload, "flow"]
    facts = facts_of([payload, "b", "c"], classes, teachers)
    facts["group"] = payload
    stated = {"note": payload, "dataset": payload, "fusion": "ukd", "student": "pupil"}
    (text,), (data,) = written(tmp_path, facts, classes, teachers, **stated)
    assert data["classes"][0] == payload and data["teachers"][0] == payload
    assert payload in [row["id"] for row in data["clips"]] and data["clips"][0]["group"] == payload
    assert text.count("<script") == 2 and text.count("</script>") == 2 and "<!--" not in text
    assert payload in html.unescape(text.split("<body>")[1].split("</header>")[0])


def test_the_page_may_load_nothing(tmp_path):
    (text,), _ = written(tmp_path, facts_of(NAMES, CLASSES, TEACHERS))
    assert "default-src 'none'; img-src data:;" in text
    assert not re.search(r"https?:|\ssrc=|url\(|@import", text.replace("http-equiv", ""))


def test_many_clips_are_spread_over_pages_by_disagreement(tmp_path):
    names = [f"v{n}" for n in range(10)]
    facts = facts_of(names, CLASSES, TEACHERS)
    texts, pages = written(tmp_path, facts, count=3)
    assert [len(data["clips"]) for data in pages] == [4, 3, 3]
    order = [row["id"] for data in pages for row in data["clips"]]
    clips = made(facts)
    assert order == clips.video_ids[by_disagreement(clips)].tolist() and sorted(order) == sorted(names)
    for n, text in enumerate(texts):
        links = set(re.findall(r'href="(knowledge\d\.html)"', text))
        assert links == {f"knowledge{other}.html" for other in range(3) if other != n}


def test_a_page_for_which_no_clip_is_left_is_empty(tmp_path):
    _, pages = written(tmp_path, facts_of(["a", "b", "c"], CLASSES, TEACHERS), count=4)
    assert [len(data["clips"]) for data in pages] == [1, 1, 1, 0]


@pytest.mark.parametrize(("names", "classes", "teachers"), [
    (["only"], CLASSES, TEACHERS),
    (NAMES, ["Run"], TEACHERS),
    (NAMES, CLASSES, ["rgb"]),
    (NAMES, [f"class {n}" for n in range(400)], [f"t{n}" for n in range(12)]),
])  # fmt: skip
def test_a_single_clip_class_or_teacher_and_hundreds(names, classes, teachers, tmp_path):
    _, (data,) = written(tmp_path, facts_of(names, classes, teachers), classes, teachers)
    assert len(data["clips"]) == len(names) and all(
        len(row["teachers"]) == len(teachers) for row in data["clips"]
    )
    assert len(data["clips"][0]["fused"] or [1] * min(3, len(classes))) == min(3, len(classes))
    if len(teachers) == 1 or len(classes) == 1:
        assert {row["apart"] for row in data["clips"]} == {0.0}


# ------------------------------------------------------------ what is missing


def test_the_page_says_how_to_get_out_of_fold_predictions():
    facts = facts_of(NAMES, CLASSES, TEACHERS, out_of_fold=False)
    (note,) = missing(made(facts), about(CLASSES, TEACHERS, out_of_fold=False))
    assert "knowledge.out_of_fold: true" in note and "datasets.darkroom.crossfit" in note
    assert missing(made(facts_of(NAMES, CLASSES, TEACHERS)), about(CLASSES, TEACHERS)) == []


def test_an_external_teacher_without_folds_is_named():
    facts = facts_of(NAMES, CLASSES, TEACHERS)
    facts = facts[(facts["name"] != "flow") | facts["fold"].isna()]
    (note,) = missing(made(facts), about(CLASSES, TEACHERS))
    assert note.startswith("No out-of-fold predictions of flow: an external teacher")


def test_a_teacher_that_did_not_see_all_clips_is_named(tmp_path):
    facts = facts_of(NAMES, CLASSES, TEACHERS)
    facts = facts[(facts["name"] != "flow") | (facts["video_id"] != "clip2")]
    assert "flow has not predicted 1 of 9 clips." in missing(made(facts), about(CLASSES, TEACHERS))
    _, (data,) = written(tmp_path, facts)
    (row,) = (row for row in data["clips"] if row["id"] == "clip2")
    assert row["teachers"][1] == [None, None, None, None, 0] and row["apart"] == 0.0


def test_clips_without_frames_are_counted(tmp_path):
    rows = [{"picture": None}, {"picture": "AA=="}]
    assert "1 of 2 clips has no frames" in page(rows, about(CLASSES, TEACHERS), [])


# ------------------------------------------------------------ pictures


def decoded(text):
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def stores(tmp_path):
    """`dark` has 7 grey frames that get brighter, `short` one; and flow of the same sizes."""
    shapes = {"dark": 7, "short": 1}

    def grey(name):
        values = np.linspace(4, 20, shapes[name]).astype(np.uint8)
        return np.broadcast_to(values[:, None, None, None], (shapes[name], 30, 40, 3))

    made = {}
    for kind, frames in {
        "rgb": grey,
        "flow": lambda n: np.full((shapes[n], 30, 40, 2), 128, np.uint8),
    }.items():
        write_shard(str(tmp_path / f"{kind}.arrow"), list(shapes), frames)
        made[kind] = [str(tmp_path / f"{kind}.arrow")]
    return made


def test_a_strip_has_moments_in_order_bright_enough_to_be_seen(stores):
    picture = picture_strips(stores["rgb"])
    seen = decoded(picture("dark"))
    width = round(40 * HEIGHT / 30)
    assert seen.shape == (HEIGHT, MOMENTS * width + 2 * (MOMENTS - 1), 3)
    means = [seen[:, n * (width + 2) + 4 : n * (width + 2) + width - 4].mean() for n in range(MOMENTS)]
    assert means == sorted(means) and means[-1] > 200 and np.mean(means) > 100
    assert decoded(picture("short")).shape == seen.shape and picture("rejected later") is None


def test_flow_that_does_not_move_is_white_and_strips_are_the_same_bytes_again(stores):
    flow = flow_strips(stores["flow"], 20.0)
    assert decoded(flow("dark"))[:, :70].min() > 250 and flow("nobody") is None
    assert flow("dark") == flow_strips(stores["flow"], 20.0)("dark")
    assert flow_strips([], None)("dark") is None


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(60, 60, 60), (40, 400, 120), (400, 40, 6), (3, 1, 20)]
)
def test_wide_pictures_are_cut_and_narrow_ones_are_not(height, width, expected):
    assert decoded(strip([np.zeros((height, width, 3), np.uint8)])).shape == (HEIGHT, expected, 3)
