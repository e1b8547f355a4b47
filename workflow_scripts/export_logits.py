"""Rule export_logits: what a trained network says of every view of a subset's videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device)

from ukdlib.augment import Modality
from ukdlib.checkpoints import load_network, sha256
from ukdlib.export import export
from ukdlib.frames import open_shards
from ukdlib.inference import prepare
from ukdlib.logits import write_logits
from ukdlib.subsets import read_videos

params = snakemake.params
network, stated = load_network(snakemake.input.checkpoint, classes=params.classes, modality=params.modality)
network = prepare(network, choose_device(params.device))
exported = export(
    network,
    open_shards(snakemake.input.frames),
    read_videos(snakemake.input.subsets, params.videos),
    params.subset,
    (params.recipe, Modality(**params.modality), params.classes),
)
origin = {"checkpoint": sha256(snakemake.input.checkpoint), "trained_on": stated["trained_on"]}
write_logits(snakemake.output[0], exported, {**params.origin, **origin})
