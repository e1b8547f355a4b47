"""Rule fuse_logits: one target distribution per clip from the logits of several teachers, read in step."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from dataclasses import replace

import numpy as np

from ukdlib.fusion import clamped_scores, fused_knowledge, log_distribution
from ukdlib.logits import TARGETS, open_writer, read_aligned

settings = dict(snakemake.params.fusion)
teachers, target_of, tau_w = (
    settings.pop("teachers"),
    TARGETS[settings["target"]],
    settings["weight_temperature"],
)
metadata = {"role": "fusions", "name": snakemake.params.name, "teachers": ",".join(teachers)}
metadata |= {key: str(value) for key, value in settings.items()}
clamped = []

with open_writer(snakemake.output[0], metadata) as write:
    for rows, logits in read_aligned(snakemake.input.logits):
        rows, logits = target_of(rows, logits)
        target, weights, constant = fused_knowledge(
            settings["method"], logits, rows.labels, settings["tau"], settings["h"], tau_w
        )
        clamped.append(clamped_scores(logits, rows.labels, tau_w))
        write(replace(rows, logits=log_distribution(target), weights=weights, constant=constant))
    metadata["clamped_share"] = str(np.concatenate(clamped).mean())
