"""Fuse the logit files of K teachers into one file, row group by row group: memory is independent of K."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ukdlib.knowledge.alignment import read_aligned, stating_unknown, unknown_sources
from ukdlib.knowledge.fusion import clamped_scores, consensus, fused_knowledge, log_distribution
from ukdlib.knowledge.logits import LogitFile, LogitRows, open_writer, row_groups
from ukdlib.settings.config import NO_LABEL
from ukdlib.videos.crossfit import check_unseen


def fuse_files(output: str, paths: Sequence[str], fusion: dict[str, Any], metadata: dict[str, str]) -> None:
    """
    Write the targets, weights and constants of a fusion of the files `paths`, one of each teacher.

    fusion: {method, tau, h, weight_temperature, fuse_as, target, out_of_fold, consensus}; metadata: stored with it.
    """
    if fusion["out_of_fold"]:
        for path in paths:
            check_out_of_fold(path)
    weighting = fusion["h"], fusion["weight_temperature"], fusion["fuse_as"]
    clamped = scores = 0
    settings = {key: str(value) for key, value in fusion.items() if key != "teachers"}
    stored = stating_unknown({**metadata, **settings}, unknown_sources(paths))
    with open_writer(output, stored) as write:
        for rows, logits in read_aligned(paths, fusion["target"]):
            labels = rows.labels
            if fusion["consensus"]:
                labels = np.where(labels == NO_LABEL, consensus(logits), labels)
            target, weights, constant = fused_knowledge(
                fusion["method"], logits, labels, fusion["tau"], *weighting
            )
            write(replace(rows, logits=log_distribution(target), weights=weights, constant=constant))
            if fusion["method"] == "gtd":
                clamped += int(clamped_scores(logits, labels, fusion["weight_temperature"]).sum())
                scores += weights.size
        if scores:
            stored["clamped_share"] = str(clamped / scores)


def gather_folds(output: str, paths: Sequence[str], metadata: dict[str, str]) -> None:
    """
    One out-of-fold file from the held-out logits of each fold's network; refused if a row leaks.

    paths: files in the order of the folds, whose metadata `trained_on` states what their network was trained on. Only
    the names of all rows are held in memory.
    """
    files = [LogitFile(path) for path in paths]
    for file in files:
        if file.classes != files[0].classes:
            raise ValueError(
                f"{file.path}: its classes are {file.classes}, but {files[0].classes} in {paths[0]}"
            )
    names = [file.table(0, file.num_rows, ["video_id"])["video_id"].to_numpy().astype(str) for file in files]
    video_ids, folds = np.concatenate(names), np.repeat(np.arange(len(files)), [len(n) for n in names])
    trained_on = {str(fold): file.metadata.get("trained_on", "unknown") for fold, file in enumerate(files)}
    check_unseen(output, video_ids, folds, trained_on)
    checkpoints = ",".join(file.metadata.get("checkpoint", "unknown") for file in files)
    stated = {**metadata, "trained_on": json.dumps(trained_on), "checkpoint": checkpoints}
    order = np.argsort(video_ids, kind="stable")
    with open_writer(output, stating_unknown(stated, unknown_sources(paths))) as write:
        done = np.zeros(len(files), int)
        for begin, end in row_groups(video_ids[order]):
            wanted = np.bincount(folds[order[begin:end]], minlength=len(files))
            write(_next_rows(files, done, wanted))
            done += wanted


def _next_rows(files: Sequence[LogitFile], done: np.ndarray, wanted: np.ndarray) -> LogitRows:
    """The next rows of each fold's file, after those that are done and as many as wanted; sorted by video."""
    parts = [
        file.rows(first, first + count)
        for file, first, count in zip(files, done, wanted, strict=True)
        if count
    ]
    video_ids, views, labels, logits = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("video_ids", "views", "labels", "logits")
    )
    folds = np.repeat(np.arange(len(files)), wanted)
    rows = LogitRows(video_ids, views, labels, logits, files[0].classes, folds=folds)
    return rows.pick(np.lexsort((views, video_ids)))


def check_out_of_fold(path: str) -> None:
    """
    Refuse a file of logits that are not proven to be from held-out videos.

    Proof is a column `fold` with the hashes of what each fold's network was trained on, or, for an external
    teacher, the user's declaration (metadata `unseen`).
    """
    file = LogitFile(path)
    if file.metadata.get("unseen") == "true":
        return
    if "fold" not in file.schema_names:
        raise ValueError(
            f"{path}: in-sample logits, no column 'fold'; an out-of-fold fusion needs held-out videos"
        )
    table = file.table(0, file.num_rows, ["video_id", "fold"])
    video_ids, folds = table["video_id"].to_numpy(), table["fold"].to_numpy()
    check_unseen(path, video_ids, folds, _trained_on(path, file.metadata.get("trained_on", "")))


def _trained_on(path: str, stated: str) -> dict[str, str]:
    """Fold -> hash of what its network was trained on, as gather_folds stores it."""
    try:
        hashes = json.loads(stated)
    except json.JSONDecodeError:
        hashes = None
    if not isinstance(hashes, dict):
        raise ValueError(f"{path}: its metadata `trained_on` is {stated!r}, not a hash for each fold")
    return hashes
