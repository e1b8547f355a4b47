"""Stored targets reach the student in the order of its videos, and only if they are the requested ones."""

import numpy as np
import pytest

from ukdlib.knowledge.logits import LogitRows, write_logits
from ukdlib.knowledge.targets import read_knowledge

CLASSES = ["dark", "grey", "bright"]
STUDENT = {"alpha": 0.3, "kl_reduction": "mean"}


def write_target(path, views, target, **changed):
    """A fusion's file of two videos whose logits encode (video, view)."""
    ids, numbers = np.repeat(["a", "b"], views), np.tile(np.arange(views), 2)
    probs = np.random.default_rng(0).dirichlet(np.ones(3), size=2 * views)
    rows = LogitRows(
        ids, numbers, np.zeros(2 * views, int), np.log(probs).astype(np.float32), CLASSES,
        constant=np.arange(2 * views, dtype=np.float32), weights=np.ones((2 * views, 1), np.float32),
    )  # fmt: skip
    write_logits(path, rows, {"tau": "20.0", "target": target, **changed})
    return probs


@pytest.mark.parametrize(("views", "target", "replay"), [(1, "video", 0), (3, "view", 3)])
def test_stored_targets_come_back_in_the_order_of_the_videos(views, target, replay, tmp_path):
    path = f"{tmp_path}/train.parquet"
    probs = write_target(path, views, target).reshape(2, views, 3)
    read = read_knowledge([path], ["b", "a"], CLASSES, {"tau": 20, "target": target}, STUDENT)
    np.testing.assert_allclose(read.target, probs[::-1], atol=1e-6)
    assert read.constant.tolist() == np.arange(2.0 * views).reshape(2, views)[::-1].tolist()
    assert (read.tau, read.alpha, read.kl_reduction, read.replay) == (20, 0.3, "mean", replay)


@pytest.mark.parametrize(
    ("videos", "classes", "fusion", "message"),
    [
        (["a"], ["x", "y", "z"], {"tau": 20, "target": "video"}, "its classes are"),
        (
            ["a"],
            CLASSES,
            {"tau": 10, "target": "video"},
            r"made with \(tau, target\) \('20.0', 'video'\), not \(10",
        ),
        (["a"], CLASSES, {"tau": 20, "target": "view"}, "'view'"),
        (["a", "c"], CLASSES, {"tau": 20, "target": "video"}, "no target for the video 'c'"),
    ],
)
def test_targets_that_do_not_fit_are_refused(videos, classes, fusion, message, tmp_path):
    write_target(f"{tmp_path}/train.parquet", 1, "video")
    with pytest.raises(ValueError, match=message):
        read_knowledge([f"{tmp_path}/train.parquet"], videos, classes, fusion, STUDENT)


def test_a_missing_view_is_refused_and_a_missing_constant_is_zero(tmp_path):
    path, fusion = f"{tmp_path}/train.parquet", {"tau": 20, "target": "view"}
    ids, views = np.array(["a", "a", "b", "b"]), np.array([0, 1, 0, 1])
    rows = LogitRows(ids, views, np.zeros(4, int), np.zeros((4, 3), np.float32), CLASSES)
    write_logits(path, rows, {"tau": "20", "target": "view"})
    read = read_knowledge([path], ["a"], CLASSES, fusion, STUDENT)
    assert read.constant.tolist() == [[0, 0]]
    np.testing.assert_allclose(read.target, 1 / 3, rtol=1e-6)
    write_logits(path, rows.pick(np.array([0, 2, 3])), {"tau": "20", "target": "view"})
    with pytest.raises(ValueError, match=r"'b' view 0 .* follows where view 1 of 2 is expected"):
        read_knowledge([path], ["a"], CLASSES, fusion, STUDENT)


def test_targets_of_clips_with_and_without_labels_come_from_two_files(tmp_path):
    first, second = f"{tmp_path}/train.parquet", f"{tmp_path}/unlabelled.parquet"
    probs = write_target(first, 1, "video")
    other = LogitRows(
        np.array(["0"]), np.array([0]), np.array([-1]), np.log([[0.2, 0.3, 0.5]]).astype(np.float32), CLASSES
    )
    write_logits(second, other, {"tau": "20.0", "target": "video"})
    student = {**STUDENT, "unlabelled": 2.0}
    read = read_knowledge([first, second], ["b", "0"], CLASSES, {"tau": 20, "target": "video"}, student)
    np.testing.assert_allclose(read.target[:, 0], [probs[1], [0.2, 0.3, 0.5]], atol=1e-6)
    assert read.unlabelled == 2.0


def test_files_with_other_numbers_of_views_do_not_mix(tmp_path):
    paths = [f"{tmp_path}/{views}.parquet" for views in (1, 2)]
    for views, path in enumerate(paths, start=1):
        write_target(path, views, "view")
    with pytest.raises(ValueError, match="different numbers of targets"):
        read_knowledge(paths, ["a"], CLASSES, {"tau": 20, "target": "view"}, STUDENT)
