"""Files of teachers to the file of a fusion: in pieces as on the whole, and out of fold only if proven."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.knowledge.logit_files import (
    assert_same,
    make_rows,
    rewrite,
    run_script,
    store,
    store_teachers,
)
from ukdlib.artifacts.provenance import videos_hash
from ukdlib.knowledge import logits as module
from ukdlib.knowledge.ensemble import check_out_of_fold, fuse_files, gather_folds
from ukdlib.knowledge.fusion import METHODS, clamped_scores, consensus, fused_knowledge, log_distribution
from ukdlib.knowledge.logits import read_logits

FUSION = {
    "method": "pkd", "tau": 8, "h": 0.9, "weight_temperature": 2, "fuse_as": "probabilities",
    "target": "video", "out_of_fold": False, "consensus": False, "teachers": ["a", "b", "c"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_row_groups(monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 5)


def expected_of(teachers, fusion):
    """(ids, labels, fused knowledge) of whole arrays, views averaged here."""
    logits = np.stack([teacher.logits for teacher in teachers])
    ids, labels = teachers[0].video_ids, teachers[0].labels
    if fusion["target"] == "video":
        logits = logits.reshape(len(teachers), -1, 2, 3).astype(float).mean(axis=2).astype(np.float32)
        ids, labels = ids[::2], labels[::2]
    settings = fusion["tau"], fusion["h"], fusion["weight_temperature"], fusion["fuse_as"]
    return ids, labels, logits, fused_knowledge(fusion["method"], logits, labels, *settings)


@pytest.mark.parametrize("target", ["video", "view"])
@pytest.mark.parametrize("fuse_as", ["probabilities", "logits"])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_files_are_fused_as_the_whole_arrays_are(tmp_path, method, target, fuse_as):
    if (method, fuse_as) == ("avg1", "logits"):
        return
    paths, teachers = store_teachers(tmp_path, count=1 if method == "single" else 3, videos=9)
    fusion = {**FUSION, "method": method, "target": target, "fuse_as": fuse_as}
    fuse_files(str(tmp_path / "fused.parquet"), paths, fusion, {"name": "mine"})
    fused = read_logits(tmp_path / "fused.parquet")
    ids, labels, logits, (expected, weights, constant) = expected_of(teachers, fusion)
    np.testing.assert_array_equal(fused.video_ids, ids)
    np.testing.assert_array_equal(fused.labels, labels)
    np.testing.assert_array_equal(fused.views, np.tile([0, 1], 9) if target == "view" else np.zeros(9))
    np.testing.assert_array_equal(fused.logits, log_distribution(expected))
    np.testing.assert_array_equal(fused.weights, weights.astype(np.float32))
    np.testing.assert_array_equal(fused.constant, constant.astype(np.float32))
    stated = {key: str(value) for key, value in fusion.items() if key != "teachers"} | {"name": "mine"}
    if method == "gtd":
        stated["clamped_share"] = str(clamped_scores(logits, labels, 2).mean())
    assert fused.metadata == stated


def test_clips_without_labels_are_weighted_by_what_the_teachers_agree_on(tmp_path):
    teachers = [make_rows(videos=9, seed=seed) for seed in range(2)]
    none = [replace(rows, labels=np.full_like(rows.labels, -1)) for rows in teachers]
    agreed = consensus(np.stack([rows.logits for rows in teachers]))
    told = [replace(rows, labels=agreed) for rows in teachers]
    fused = []
    for name, rows_of in (("none", none), ("told", told)):
        paths = [store(tmp_path / f"{name}{k}.parquet", rows) for k, rows in enumerate(rows_of)]
        fusion = {**FUSION, "target": "view", "consensus": name == "none"}
        fuse_files(str(tmp_path / f"{name}.parquet"), paths, fusion, {})
        fused.append(read_logits(tmp_path / f"{name}.parquet"))
    np.testing.assert_array_equal(fused[0].logits, fused[1].logits)
    assert set(fused[0].labels) == {-1}
    paths = [str(tmp_path / f"none{k}.parquet") for k in range(2)]
    with pytest.raises(ValueError, match="label -1 is not in 0"):
        fuse_files(str(tmp_path / "refused.parquet"), paths, FUSION, {})


def test_the_share_of_certain_teachers_is_stored_for_ground_truth_weights_only(tmp_path):
    teachers = [make_rows(videos=9, seed=seed) for seed in range(2)]
    certain = teachers[0].logits.copy()
    certain[np.arange(6), teachers[0].labels[:6]] = 100  # both views of three of nine videos
    teachers[0] = replace(teachers[0], logits=certain)
    paths = [store(tmp_path / f"{k}.parquet", rows) for k, rows in enumerate(teachers)]
    for method, share in (("gtd", str(3 / 18)), ("pkd", None)):
        fuse_files(str(tmp_path / "fused.parquet"), paths, {**FUSION, "method": method}, {})
        assert read_logits(tmp_path / "fused.parquet").metadata.get("clamped_share") == share


def test_script_fuse_logits_says_whose_fusion_it_is(tmp_path, monkeypatch):
    paths, teachers = store_teachers(tmp_path, videos=9)
    run_script(
        "fuse_logits",
        monkeypatch,
        tmp_path,
        input=SimpleNamespace(logits=paths),
        output=[str(tmp_path / "fused.parquet")],
        params=SimpleNamespace(fusion=FUSION, name="ukd"),
    )
    fused = read_logits(tmp_path / "fused.parquet")
    np.testing.assert_array_equal(fused.logits, log_distribution(expected_of(teachers, FUSION)[3][0]))
    assert {"role": "fusions", "name": "ukd", "teachers": "a,b,c"}.items() <= fused.metadata.items()


def test_a_failed_fusion_leaves_nothing(tmp_path):
    (first, second), _ = store_teachers(tmp_path, count=2, videos=9)
    rewrite(second, lambda table: table.slice(0, 16))
    with pytest.raises(ValueError, match="it has 16 rows, but 18"):
        fuse_files(str(tmp_path / "fused.parquet"), [first, second], FUSION, {})
    assert {path.name for path in tmp_path.iterdir()} == {"0.parquet", "1.parquet"}


# ---------------------------------------------------------------- out of fold

VIDEOS = make_rows(videos=9)
FOLDS = np.repeat([0, 1, 2, 2, 0, 1, 1, 0, 2], 2)  # of each row


def store_parts(folder, seen=None, **changed):
    """Held-out logits of three networks; seen: fold -> videos that its network was trained on instead."""
    paths = []
    for fold in range(3):
        trained_on = (seen or {}).get(fold, VIDEOS.video_ids[fold != FOLDS])
        stated = {"trained_on": videos_hash(trained_on), "checkpoint": f"c{fold}"}
        part = replace(VIDEOS.pick(np.flatnonzero(fold == FOLDS)), **changed.get(f"fold{fold}", {}))
        paths.append(store(folder / f"fold{fold}.parquet", part, **stated))
    return paths


def gathered(folder):
    gather_folds(str(folder / "out_of_fold.parquet"), store_parts(folder), {"name": "rgb"})
    return str(folder / "out_of_fold.parquet")


def test_held_out_logits_become_one_file_that_proves_itself(tmp_path):
    path = gathered(tmp_path)
    rows = read_logits(path)
    assert_same(rows, VIDEOS)
    np.testing.assert_array_equal(rows.folds, FOLDS)
    assert (rows.metadata["name"], rows.metadata["checkpoint"]) == ("rgb", "c0,c1,c2")
    assert json.loads(rows.metadata["trained_on"]) == {
        str(fold): videos_hash(VIDEOS.video_ids[fold != FOLDS]) for fold in range(3)
    }
    check_out_of_fold(path)


@pytest.mark.parametrize("rows_at_once", [1, 3, 4, 7, 2048])
def test_folds_are_gathered_as_if_all_were_in_memory(tmp_path, monkeypatch, rows_at_once):
    paths = store_parts(tmp_path)
    monkeypatch.setattr(module, "ROW_GROUP", rows_at_once)
    gather_folds(str(tmp_path / "gathered.parquet"), paths, {"name": "rgb"})
    stated = read_logits(tmp_path / "gathered.parquet").metadata
    metadata = {name: stated[name] for name in ("name", "trained_on", "checkpoint")}
    module.write_logits(tmp_path / "at_once.parquet", replace(VIDEOS, folds=FOLDS, metadata={}), metadata)
    assert (tmp_path / "gathered.parquet").read_bytes() == (tmp_path / "at_once.parquet").read_bytes()


@pytest.mark.parametrize(
    "seen",
    [
        VIDEOS.video_ids,  # all: an in-sample network
        [*VIDEOS.video_ids[FOLDS != 1], VIDEOS.video_ids[FOLDS == 1][0]],  # one of its own
        VIDEOS.video_ids[FOLDS != 2],  # another fold's network
    ],
)
def test_a_part_whose_network_was_trained_on_its_videos_is_refused(tmp_path, seen):
    paths = store_parts(tmp_path, {1: seen})
    with pytest.raises(
        ValueError, match=r"all.parquet: leak: the network of fold 1 .* those of 'Drink_0001'"
    ):
        gather_folds(str(tmp_path / "all.parquet"), paths, {})
    assert not (tmp_path / "all.parquet").exists()


def test_a_part_that_does_not_state_its_training_videos_is_refused(tmp_path):
    paths = store_parts(tmp_path)
    store(tmp_path / "fold2.parquet", VIDEOS.pick(np.flatnonzero(FOLDS == 2)))
    with pytest.raises(ValueError, match="network of fold 2 was trained on the videos unknown"):
        gather_folds(str(tmp_path / "all.parquet"), paths, {})


def test_a_video_in_two_parts_is_refused(tmp_path):
    paths = store_parts(tmp_path)
    with pytest.raises(ValueError):  # as a leak or as a repetition
        gather_folds(str(tmp_path / "all.parquet"), [*paths, paths[2]], {})


def test_parts_of_other_classes_are_refused(tmp_path):
    paths = store_parts(tmp_path, fold2={"classes": ["Jump", "Drink", "Wave"]})
    with pytest.raises(ValueError, match=r"fold2.parquet: its classes are \['Jump', .* in .*fold0.parquet"):
        gather_folds(str(tmp_path / "all.parquet"), paths, {})


@pytest.mark.parametrize("target", ["video", "view"])
def test_an_out_of_fold_fusion_takes_proven_and_declared_files(tmp_path, target):
    foreign = store(tmp_path / "foreign.parquet", make_rows(videos=9, seed=1), unseen="true")
    fusion = {**FUSION, "out_of_fold": True, "target": target}
    fuse_files(str(tmp_path / "fused.parquet"), [gathered(tmp_path), foreign], fusion, {})
    plain = [store(tmp_path / "a.parquet", VIDEOS), foreign]
    fuse_files(str(tmp_path / "plain.parquet"), plain, {**fusion, "out_of_fold": False}, {})
    assert_same(read_logits(tmp_path / "fused.parquet"), read_logits(tmp_path / "plain.parquet"))


@pytest.mark.parametrize("stated", [{}, {"unseen": "false"}, {"trained_on": videos_hash([])}])
def test_an_in_sample_file_is_refused_out_of_fold(tmp_path, stated):
    inside = store(tmp_path / "inside.parquet", make_rows(videos=9, seed=1), **stated)
    with pytest.raises(ValueError, match=r"inside.parquet: in-sample logits, no column 'fold'"):
        fuse_files(
            str(tmp_path / "fused.parquet"), [gathered(tmp_path), inside], {**FUSION, "out_of_fold": True}, {}
        )
    assert not (tmp_path / "fused.parquet").exists()


@pytest.mark.parametrize("row", [0, 7, 17])
def test_a_tampered_fold_is_refused(tmp_path, row):
    def move(table):
        folds = FOLDS.copy()
        folds[row - row % 2 : row - row % 2 + 2] += 1
        return table.set_column(table.column_names.index("fold"), "fold", pa.array(folds % 3, pa.int32()))

    path = rewrite(gathered(tmp_path), move)
    with pytest.raises(ValueError, match=r"out_of_fold.parquet: leak: the network of fold \d"):
        fuse_files(str(tmp_path / "fused.parquet"), [path], {**FUSION, "out_of_fold": True}, {})


def test_a_file_that_lost_a_video_is_refused(tmp_path):
    path = rewrite(gathered(tmp_path), lambda table: table.slice(2))
    with pytest.raises(ValueError, match="leak"):
        check_out_of_fold(path)
