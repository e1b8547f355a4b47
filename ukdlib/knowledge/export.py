"""Predictions of a trained network for every view of a subset's videos, and verification of stored ones."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ukdlib.artifacts.journal import journaled
from ukdlib.artifacts.provenance import videos_hash
from ukdlib.artifacts.sealing import sha256
from ukdlib.knowledge.alignment import stating_unknown
from ukdlib.knowledge.logits import LogitRows, name_row
from ukdlib.learning.augment import Modality
from ukdlib.learning.batches import Samples, Store
from ukdlib.learning.checkpoints import load_network
from ukdlib.learning.clips import load_batches
from ukdlib.learning.inference import class_logits, computed_in
from ukdlib.learning.seen import Seen
from ukdlib.learning.views import Views, join_views, random_views, test_views
from ukdlib.videos.subsets import read_identities, read_videos

Setting = tuple[dict[str, Any], Modality, Sequence[str]]  # (recipe, modality, classes)
REPLAYED = ("train", "unlabelled")  # subsets of which students learn
# allowed difference of a logit that was computed in this precision, in standard deviations of all of them; TF32
# rounds eight times as finely as bf16
TOLERANCES = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2}


def trained_network(
    checkpoint: str, trained_on: tuple[str, Any, str], expected: dict[str, Any]
) -> tuple[nn.Module, Modality, dict[str, str]]:
    """
    (network, what it sees, what its logits say of it) of a checkpoint, which must be the one that is expected.

    trained_on: file of subsets, which of its rows the network was trained on, name of the data set. expected: what the
    metadata say, modality as its fields. Raises ValueError, too, if the network has seen any other of the videos.
    """
    path, chosen, dataset = trained_on
    modality, hashed = Modality(**expected["modality"]), videos_hash(read_videos(path, chosen)[0])
    network, stated = load_network(checkpoint, in_channels=modality.channels, trained_on=hashed, **expected)
    seen = Seen.stated(checkpoint, stated)
    shown, held_out = read_identities(path, chosen, dataset)
    seen.refuse_leak(checkpoint, held_out, shown)
    origin = {"checkpoint": sha256(checkpoint), "trained_on": hashed}
    if stated.get("unlabelled"):
        origin["unlabelled"] = str(stated["unlabelled"])  # clips
    return network, modality, stating_unknown(origin, seen.unknown)


def export(
    network: nn.Module,
    store: Store,
    videos: tuple[Sequence[str], Sequence[int]],
    subset: str,
    setting: Setting,
    journal: tuple[str, str],
) -> LogitRows:
    """
    Logits of all videos (video_ids, labels) of a subset, one row per view.

    The subsets REPLAYED have the views numbered 0 .. export_views - 1 that a student can replay; any other the
    recipe's fixed test views. journal: (path, key) of ukdlib.artifacts.journal, from which a killed export resumes
    at its batch. Metadata state the precision and the device that it was computed in.
    """
    recipe, _, classes = setting
    video_ids, labels = videos
    if not len(video_ids):
        raise ValueError(f"export: no videos in subset {subset!r}")
    count = recipe["export_views"] if subset in REPLAYED else recipe["test_clips"] * recipe["test_crops"]
    rows, numbers = np.repeat(np.arange(len(video_ids)), count), np.tile(np.arange(count), len(video_ids))
    shown = [video_ids[int(row)] for row in rows]
    samples = numbered_views(store, shown, numbers, subset, recipe)

    def batches(first: int) -> Iterator[str]:
        """Each batch's logits from number `first` on, as the journal stores them."""
        for number, logits in enumerate(predict(network, store, samples, setting, first), first):
            _refuse_infinite(logits, samples, number * recipe["batch_size"])
            yield b64encode(logits.tobytes()).decode()

    return LogitRows(
        video_ids=np.array(shown),
        views=numbers,
        labels=np.asarray(labels)[rows],
        logits=np.concatenate(journaled(*journal, batches, lambda text: _from_text(text, len(classes)))),
        classes=list(classes),
        metadata=_computed(network, recipe),
    )


def _computed(network: nn.Module, recipe: dict[str, Any]) -> dict[str, str]:
    """What logits depend on beside network and clips: {precision, device}."""
    device = next(network.parameters()).device
    return {"precision": computed_in(recipe["precision"], device), "device": device.type}


def check_rows(path: str, rows: LogitRows, video_ids: Sequence[str], labels: np.ndarray) -> None:
    """ValueError unless a file's rows are of exactly these videos, with these labels."""
    expected = dict(zip(video_ids, labels.tolist(), strict=True))
    found = dict(zip(rows.video_ids.tolist(), rows.labels.tolist(), strict=True))
    if missing := sorted(set(expected) - set(found)):
        raise ValueError(
            f"{path}: {len(missing)} of {len(expected)} videos have no row, {missing[0]!r} among them"
        )
    if unknown := sorted(set(found) - set(expected)):
        raise ValueError(
            f"{path}: {len(unknown)} videos do not belong to the subset, {unknown[0]!r} among them"
        )
    for video_id, label in zip(rows.video_ids.tolist(), rows.labels.tolist(), strict=True):
        if label != expected[video_id]:
            raise ValueError(
                f"{path}: {video_id!r} has the label {label}, the subset says {expected[video_id]}"
            )


def verify(
    network: nn.Module, store: Store, rows: LogitRows, setting: Setting, count: int, seed: int = 0
) -> dict[str, Any]:
    """
    Recompute `count` rows of an exported file, drawn with `seed`; {rows, largest_difference, allowed, stored, here}.

    rows.metadata["subset"] determines the views. Raises ValueError naming the row that differs most, if a logit
    differs by more than rounding explains, in the coarser of the precisions in which it was stored and is recomputed
    here: the network, its frames or a setting has changed.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])
    sample, subset = rows.pick(drawn), rows.metadata["subset"]
    shown = sample.video_ids.tolist()
    views = numbered_views(store, shown, sample.views, subset, setting[0])
    logits = np.concatenate(list(predict(network, store, views, setting)))
    differences = np.abs(logits - sample.logits).max(axis=1)
    stored, here = _precisions(rows.metadata, _computed(network, setting[0]))
    allowed = max(TOLERANCES[stored[0]], TOLERANCES[here[0]]) * float(rows.logits.std())
    worst = int(differences.argmax())
    if not differences[worst] <= allowed:
        raise ValueError(
            f"{(~(differences <= allowed)).sum()} of {len(sample)} recomputed rows differ, most of all "
            f"{name_row(sample, worst)}: a logit differs by {differences[worst]:.3g}, allowed is {allowed:.3g} "
            f"between {' on '.join(stored)} (stored) and {' on '.join(here)} (here); the checkpoint, the frames or a "
            "setting is not the one that the file was made with"
        )
    found = {"rows": len(sample), "largest_difference": float(differences[worst]), "allowed": allowed}
    return {**found, "stored": " on ".join(stored), "here": " on ".join(here)}


def _precisions(*computed: dict[str, str]) -> list[tuple[str, str]]:
    """(precision, device) of some logits' metadata; ValueError if a precision is none that is known."""
    stated = [(each.get("precision", "unknown"), each.get("device", "unknown")) for each in computed]
    for precision, device in stated:
        if precision not in TOLERANCES:
            raise ValueError(
                f"verify: stored logits state the precision {precision!r} on {device!r}; known: {list(TOLERANCES)}. "
                "Export them again"
            )
    return stated


def predict(
    network: nn.Module, store: Store, samples: Samples, setting: Setting, first: int = 0
) -> Iterator[np.ndarray]:
    """Logits float32 (n, C) of each batch of some views, in their order, from batch number `first` on."""
    recipe, modality, _ = setting
    network.eval()
    left = np.arange(first * recipe["batch_size"], len(samples.video_ids))
    shown = Samples([samples.video_ids[i] for i in left], samples.views.take(left), samples.rows[left])
    for batch in load_batches(store, shown, recipe):
        with torch.inference_mode():
            logits = class_logits(network, batch, recipe, modality)
        yield logits.cpu().numpy()


def _refuse_infinite(logits: np.ndarray, samples: Samples, begin: int) -> None:
    """logits: (n, C) of the samples from number `begin` on; none may enter the journal, which would keep it."""
    for row in np.flatnonzero(~np.isfinite(logits).all(axis=1))[:1]:
        raise ValueError(
            f"export: the logits of video {samples.video_ids[begin + row]!r} are not finite: {logits[row]}"
        )


def _from_text(text: str, classes: int) -> np.ndarray:
    return np.frombuffer(b64decode(text), np.float32).reshape(-1, classes)


def numbered_views(
    store: Store, video_ids: Sequence[str], numbers: np.ndarray, subset: str, recipe: dict[str, Any]
) -> Samples:
    """View numbers[i] of video_ids[i], as a subset's rows are numbered; rows (n,) count from 0."""
    if subset in REPLAYED:
        views = random_views(video_ids, numbers, recipe["crop"], recipe["short_side"], recipe["flip"])
    else:
        fixed = {video_id: _fixed_views(store.shape(video_id), recipe) for video_id in set(video_ids)}
        views = join_views([fixed[v].take([int(n)]) for v, n in zip(video_ids, numbers, strict=True)])
    return Samples(video_ids, views, np.arange(len(video_ids)))


def _fixed_views(shape: tuple[int, ...], recipe: dict[str, Any]) -> Views:
    clips, crops = recipe["test_clips"], recipe["test_crops"]
    return test_views(clips, crops, recipe["crop"], recipe["test_short_side"], landscape=shape[2] >= shape[1])
