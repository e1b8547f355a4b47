"""Rule export_logits: predictions of a trained network for every view of a subset's videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device)

import json

from ukdlib.artifacts.journal import discard_journal
from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key, videos_hash
from ukdlib.artifacts.sealing import sha256
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.knowledge.export import export
from ukdlib.knowledge.logits import write_logits
from ukdlib.learning.augment import Modality
from ukdlib.learning.checkpoints import load_network
from ukdlib.learning.inference import prepare
from ukdlib.learning.seen import Seen
from ukdlib.videos.subsets import read_identities, read_videos

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
params, expected = snakemake.params, snakemake.params.expected
journal = f"{snakemake.output[0]}.journal"
trained_on = videos_hash(read_videos(snakemake.input.subsets, params.trained_on)[0])
modality = Modality(**expected["modality"])
network, stated = load_network(
    snakemake.input.checkpoint, in_channels=modality.channels, trained_on=trained_on, **expected
)
seen = Seen.stated(stated)
seen.refuse_leak(
    snakemake.input.checkpoint,
    read_identities(snakemake.input.subsets, params.trained_on, snakemake.wildcards.dataset)[1],
)
network = prepare(network, device := choose_device(params.device))
recipe = {**expected["recipe"], "workers": snakemake.resources.workers}
exported = export(
    network,
    open_shards(snakemake.input.frames),
    read_videos(snakemake.input.subsets, params.videos),
    params.subset,
    (recipe, modality, expected["classes"]),
    (journal, resume_key(snakemake.input, {**params, "device": device.type})),
)
origin = {**params.origin, "checkpoint": sha256(snakemake.input.checkpoint), "trained_on": trained_on}
origin["unknown"] = json.dumps(seen.unknown)
write_logits(snakemake.output[0], exported, origin)
discard_journal(journal)
job.finish(snakemake.output)
