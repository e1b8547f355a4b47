"""Rule export_logits: what a trained network says of every view of a subset's videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device)

import pyarrow.parquet as parquet

from ukdlib.augment import Modality
from ukdlib.checkpoints import load_network, sha256
from ukdlib.export import export
from ukdlib.frames import open_shards
from ukdlib.inference import prepare
from ukdlib.logits import write_logits

params = snakemake.params
network, stated = load_network(snakemake.input.checkpoint, classes=params.classes, modality=params.modality)
network = prepare(network, choose_device(params.device))
videos = parquet.read_table(snakemake.input.subsets, filters=params.videos)
exported = export(
    network,
    open_shards(snakemake.input.frames),
    (videos["video_id"].to_pylist(), videos["label"].to_numpy()),
    params.subset,
    (params.recipe, Modality(**params.modality), params.classes),
)
origin = {"checkpoint": sha256(snakemake.input.checkpoint), "trained_on": stated["trained_on"]}
write_logits(snakemake.output[0], exported, {**params.origin, **origin})
