"""Rule export_logits: predictions of a trained network for every view of a subset's videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device)

from ukdlib.artifacts.journal import discard_journal
from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.store import open_shards
from ukdlib.knowledge.export import export
from ukdlib.knowledge.logits import write_logits
from ukdlib.learning.augment import Modality
from ukdlib.learning.checkpoints import load_network, sha256
from ukdlib.learning.inference import prepare
from ukdlib.videos.subsets import read_videos

params, journal = snakemake.params, f"{snakemake.output[0]}.journal"
network, stated = load_network(snakemake.input.checkpoint, classes=params.classes, modality=params.modality)
device = choose_device(params.device)
network = prepare(network, device)
recipe = {**params.recipe, "workers": snakemake.resources.workers}
exported = export(
    network,
    open_shards(snakemake.input.frames),
    read_videos(snakemake.input.subsets, params.videos),
    params.subset,
    (recipe, Modality(**params.modality), params.classes),
    (journal, resume_key(snakemake.input, {**params, "device": device.type})),
)
origin = {"checkpoint": sha256(snakemake.input.checkpoint), "trained_on": stated["trained_on"]}
write_logits(snakemake.output[0], exported, {**params.origin, **origin})
discard_journal(journal)
