"""Exported logits: every view of every video once, reproducible, and a file can be verified."""

import tempfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tests.unit.knowledge.logit_files import make_rows
from ukdlib.artifacts.provenance import videos_hash
from ukdlib.frames.gamma import correct_gamma
from ukdlib.knowledge.export import check_rows, export, numbered_views, trained_network, verify
from ukdlib.learning.augment import Modality
from ukdlib.learning.checkpoints import save_checkpoint
from ukdlib.learning.clips import epoch_samples
from ukdlib.learning.kept import FramesInMemory
from ukdlib.learning.seen import Seen
from ukdlib.learning.views import VIEW_FIELDS
from ukdlib.videos.records import write_records

CLASSES = ["left", "right"]
RECIPE = {
    "frames": 2, "stride": 1, "crop": 8, "short_side": [8, 10], "flip": True, "test_short_side": 9,
    "test_clips": 2, "test_crops": 3, "export_views": 4, "batch_size": 5, "precision": "auto", "workers": 0,
}  # fmt: skip
MODALITY = Modality("rgb", mean=0.5, std=0.25, flow=False)
SHAPES = {"wide": (6, 10, 20, 3), "tall": (4, 20, 10, 3), "still": (1, 10, 12, 3)}
IDS = list(SHAPES)


def store(gamma=1.0, **changed):
    """Frames of noise, brightened by gamma; changed: video -> other frames."""
    random = np.random.default_rng(0)
    videos = {name: random.integers(0, 256, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
    videos = {name: correct_gamma(frames, gamma) for name, frames in {**videos, **changed}.items()}
    return FramesInMemory(videos)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.AdaptiveAvgPool3d((1, 2, 2)), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(16, 2),
    )  # fmt: skip


def exported(subset, net=None, journal=None, **changed):
    """journal: a file that a killed export left; without it nothing is kept."""
    setting = ({**RECIPE, **changed}, MODALITY, CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        kept = (journal or f"{folder}/journal", "key")
        return export(net or network(), store(), (IDS, [0, 1, 1]), subset, setting, kept)


@pytest.mark.parametrize(("subset", "views"), [("train", 4), ("val", 6), ("test", 6)])
def test_every_view_of_every_video_has_one_row(subset, views):
    rows = exported(subset)
    assert rows.video_ids.tolist() == list(np.repeat(IDS, views)) and rows.labels.tolist() == [0] * views + [
        1
    ] * (2 * views)
    assert rows.views.tolist() == list(range(views)) * 3
    assert rows.logits.shape == (3 * views, 2) and rows.logits.dtype == np.float32 and rows.classes == CLASSES
    assert np.isfinite(rows.logits).all()


def test_a_row_does_not_depend_on_the_batch_it_was_in():
    np.testing.assert_allclose(exported("test").logits, exported("test", batch_size=1).logits, atol=1e-5)


def test_a_network_left_in_train_mode_answers_the_same_and_learns_nothing():
    left = network().train()
    before = {name: value.clone() for name, value in left.state_dict().items()}
    assert np.array_equal(exported("train", left).logits, exported("train").logits)
    assert all(torch.equal(left.state_dict()[name], value) for name, value in before.items())


class Killed(BaseException):
    pass


def recorded(net, seen, until):
    """The network, which records the number of clips of each batch, and is killed before batch number `until`."""

    def note(_, clips):
        if len(seen) == until:
            raise Killed
        seen.append(len(clips[0]))

    net.register_forward_pre_hook(note)
    return net


@pytest.mark.parametrize(("subset", "batches"), [("train", [5, 5, 2]), ("test", [5, 5, 5, 3])])
@pytest.mark.parametrize("until", [0, 1, 2, 3])
def test_a_killed_export_resumes_at_its_batch_and_gives_the_same_logits(subset, batches, until, tmp_path):
    journal, seen = str(tmp_path / "journal"), []
    with suppress(Killed):
        exported(subset, recorded(network(), seen, until), journal)
    assert seen == batches[:until]
    rows = exported(subset, recorded(network(), seen, 99), journal)
    assert seen == batches
    np.testing.assert_array_equal(rows.logits, exported(subset).logits)


def test_logits_that_are_not_finite_do_not_stay_in_the_journal(tmp_path):
    broken = network()
    torch.nn.init.constant_(broken[-1].bias, np.nan)
    for _ in range(2):
        with pytest.raises(ValueError, match="export: the logits of video 'wide' are not finite"):
            exported("test", broken, str(tmp_path / "journal"))
    np.testing.assert_array_equal(
        exported("test", journal=str(tmp_path / "journal")).logits, exported("test").logits
    )


def test_training_views_are_those_that_a_student_replays():
    shown, numbers = list(np.repeat(IDS, 4)), np.tile(np.arange(4), 3)
    mine = numbered_views(store(), shown, numbers, "train", RECIPE)
    for epoch in range(8):
        seen = epoch_samples(IDS, RECIPE, seed=5, epoch=epoch, replay=4)
        stored = mine.views.take(seen.rows * 4 + epoch % 4)
        for name in VIEW_FIELDS:
            np.testing.assert_array_equal(getattr(stored, name), getattr(seen.views, name))


def test_test_crops_run_along_the_long_side():
    samples = numbered_views(store(), list(np.repeat(IDS, 6)), np.tile(np.arange(6), 3), "test", RECIPE)
    x, y = samples.views.x, samples.views.y
    for video, moving, fixed in ((0, x, y), (1, y, x)):
        mine = slice(6 * video, 6 * video + 6)
        assert set(moving[mine]) == {0, 0.5, 1} and set(fixed[mine]) == {0.5}
    assert not samples.views.flip.any()


@pytest.mark.parametrize("subset", ["train", "test"])
def test_views_are_numbered_the_same_whichever_are_requested(subset):
    """Any subset of rows has the same views as among all."""
    numbers = np.tile(np.arange(4), 3)
    shown = list(np.repeat(IDS, 4))
    whole = numbered_views(store(), shown, numbers, subset, RECIPE)
    some = [7, 2, 9]
    few = numbered_views(store(), [shown[i] for i in some], numbers[some], subset, RECIPE)
    for name in VIEW_FIELDS:
        np.testing.assert_array_equal(getattr(few.views, name), getattr(whole.views, name)[some])
    assert few.rows.tolist() == [0, 1, 2]


def test_an_empty_subset_is_refused():
    with pytest.raises(ValueError, match="no videos in subset 'val'"):
        export(network(), store(), ([], []), "val", (RECIPE, MODALITY, CLASSES), ("nowhere/journal", ""))


# ---------------------------------------------------------------- verification of a stored file


def stored(subset):
    rows = exported(subset)
    return replace(rows, metadata={**rows.metadata, "subset": subset})


def verified(rows, net=None, videos=None, modality=MODALITY, count=100, **changed):
    setting = ({**RECIPE, **changed}, modality, CLASSES)
    return verify(net or network(), videos or store(), rows, setting, count)


@pytest.mark.parametrize("subset", ["train", "val", "test"])
def test_an_export_passes_verification(subset):
    rows = stored(subset)
    found = verified(rows)
    assert found["rows"] == len(rows)
    assert found["largest_difference"] <= 1e-6 < found["allowed"]
    assert verified(rows, count=5, batch_size=1)["rows"] == 5  # rounding by the batch is allowed for


def test_an_export_says_what_it_was_computed_in():
    assert exported("test").metadata == {"precision": "fp32", "device": "cpu"}
    assert exported("test", precision="bf16").metadata == {"precision": "bf16", "device": "cpu"}


@pytest.mark.parametrize(("stored_in", "share"), [("fp32", 1e-3), ("tf32", 1e-2), ("bf16", 5e-2)])
def test_the_coarser_precision_says_what_is_allowed(stored_in, share):
    """Logits of a GPU that are verified on a CPU differ by the GPU's rounding, and no more is allowed for."""
    rows = stored("test")
    rows.metadata.update(precision=stored_in, device="cuda")
    sd = float(rows.logits.std())
    found = verified(rows)
    assert found["allowed"] == pytest.approx(share * sd)
    assert (found["stored"], found["here"]) == (f"{stored_in} on cuda", "fp32 on cpu")
    assert verified(rows, precision="bf16")["allowed"] == pytest.approx(5e-2 * sd)
    for times, passes in ((0.9, True), (1.1, False)):
        rows.logits[8, 0] += times * share * sd
        if passes:
            verified(rows)
        else:
            said = rf"between {stored_in} on cuda \(stored\) and fp32 on cpu \(here\)"
            with pytest.raises(ValueError, match=said):
                verified(rows)
        rows.logits[8, 0] -= times * share * sd


def test_logits_of_unknown_precision_are_not_verified():
    rows = stored("test")
    del rows.metadata["precision"]
    with pytest.raises(
        ValueError, match=r"state the precision 'unknown' on 'cpu'; known: .* Export them again"
    ):
        verified(rows)


SWAPPED = {
    "network": {"net": network(seed=1)},
    "frames": {"videos": store(gamma=1.1)},
    "mean": {"modality": replace(MODALITY, mean=0.45)},
    "std": {"modality": replace(MODALITY, std=0.26)},
    "stride": {"stride": 2},
}


@pytest.mark.parametrize("subset", ["train", "test"])
@pytest.mark.parametrize("swapped", SWAPPED)
def test_another_network_other_frames_or_settings_are_detected(subset, swapped):
    with pytest.raises(
        ValueError, match=r"of \d+ recomputed rows differ, .* view \d label \d: a logit differs by "
    ):
        verified(stored(subset), **SWAPPED[swapped])


@pytest.mark.parametrize(
    ("subset", "changed"),
    [
        ("train", {"short_side": [9, 10]}),
        ("train", {"flip": False}),
        ("train", {"crop": 6}),
        ("test", {"test_short_side": 10}),
        ("test", {"test_clips": 3}),
        ("test", {"crop": 6}),
    ],
)
def test_other_view_settings_are_detected(subset, changed):
    with pytest.raises(ValueError, match="recomputed rows differ"):
        verified(stored(subset), **changed)


def test_the_row_that_differs_is_named():
    rows = stored("test")
    rows.logits[8] += 1  # view 2 of the second video
    with pytest.raises(
        ValueError, match=r"1 of 18 .* most of all video 'tall' view 2 label 1: a logit differs by 1,"
    ):
        verified(rows)


def test_a_network_with_nan_logits_is_refused():
    broken = network()
    torch.nn.init.constant_(broken[-1].weight, torch.nan)
    with pytest.raises(
        ValueError, match="rows differ, most of all video 'wide' view 0 label 0: a logit differs by nan,"
    ):
        verified(stored("test"), broken)


def test_one_video_of_other_frames_is_named():
    bright = np.full(SHAPES["still"], 250, np.uint8)
    with pytest.raises(ValueError, match=r"6 of 18 .* video 'still'"):
        verified(stored("test"), videos=store(still=bright))


def test_rows_are_drawn_by_the_seed():
    rows = stored("test")
    rows.logits[8] += 1
    caught = []
    for seed in range(5):
        try:
            verify(network(), store(), rows, (RECIPE, MODALITY, CLASSES), 9, seed)
        except ValueError:
            caught.append(seed)
    assert 0 < len(caught) < 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ids, labels: (ids[1:], labels[1:]), "1 videos do not belong to the subset"),
        (
            lambda ids, labels: ([*ids, "more"], np.append(labels, 0)),
            "1 of 5 videos have no row, 'more' among them",
        ),
        (lambda ids, labels: (ids, (labels + 1) % 3), "'Drink_0000' has the label 0, the subset says 1"),
    ],
)
def test_rows_of_other_videos_or_labels_are_found(change, message):
    rows = make_rows(videos=4)
    labels = dict(zip(rows.video_ids.tolist(), rows.labels.tolist(), strict=True))
    ids, numbers = list(labels), np.array(list(labels.values()))
    check_rows("a.parquet", rows, ids, numbers)
    with pytest.raises(ValueError, match=rf"a\.parquet: {message}"):
        check_rows("a.parquet", rows, *change(ids, numbers))


def family(num_classes, in_channels, frames):
    """A user's own network."""
    return network()


FAMILY = {"arch": "tests.unit.knowledge.test_export:family", "frames": 2}


@pytest.mark.parametrize(
    ("seen", "refused"),
    [
        ({}, None),
        ({"elsewhere/x": "0f"}, None),
        ({"toy/still": "another encoding"}, "toy/still"),
        ({"elsewhere/copy": "0c"}, "toy/still"),
        ({"toy/tall": "0b"}, None),
    ],
    ids=["its own videos", "others", "a held-out name", "a held-out content", "a training video"],
)
def test_a_network_that_has_seen_a_held_out_video_exports_nothing(tmp_path, seen, refused):
    """Trained on wide and tall; still is held out. What its weights had seen before counts, too."""
    videos = {"video_id": IDS, "label": [0, 1, 1], "subset": ["train", "train", "test"]}
    write_records(tmp_path / "subsets.parquet", pd.DataFrame({**videos, "frame_hash": ["0a", "0b", "0c"]}))
    own = Seen({"toy/wide": "0a", "toy/tall": "0b", **seen}, ["Kinetics"])
    stated = {"network": FAMILY, "in_channels": 3, "classes": CLASSES, "trained_on": videos_hash(IDS[:2])}
    modality = {"name": "rgb", "mean": 0.5, "std": 0.25, "flow": False}
    path = str(tmp_path / "c.safetensors")
    save_checkpoint(path, network(), {**stated, "modality": modality, "seen": own.as_json()})
    trained_on = str(tmp_path / "subsets.parquet"), [("subset", "==", "train")], "toy"
    expected = {"network": FAMILY, "classes": CLASSES, "modality": modality}
    if refused:
        with pytest.raises(ValueError, match=rf"c\.safetensors: leak: 1 of 1 .*: {refused}"):
            trained_network(path, trained_on, expected)
    else:
        built, sees, origin = trained_network(path, trained_on, expected)
        assert torch.equal(built[-1].weight, network()[-1].weight) and sees == MODALITY
        assert origin["unknown"] == '["Kinetics"]' and origin["trained_on"] == stated["trained_on"]
