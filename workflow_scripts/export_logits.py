"""Rule export_logits: predictions of a trained network for every view of a subset's videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device, together=snakemake.resources.together)

from ukdlib.artifacts.journal import discard_journal
from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.knowledge.export import export, trained_network
from ukdlib.knowledge.logits import write_logits
from ukdlib.learning.inference import prepare
from ukdlib.videos.subsets import read_videos

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
params, files, expected = snakemake.params, snakemake.input, snakemake.params.expected
journal = f"{snakemake.output[0]}.journal"
trained_on = files.subsets, params.trained_on, snakemake.wildcards.dataset
network, modality, origin = trained_network(files.checkpoint, trained_on, expected)
network = prepare(network, device := choose_device(params.device))
recipe = {**expected["recipe"], "workers": snakemake.resources.workers}
exported = export(
    network,
    open_shards(files.frames),
    read_videos(files.get("unlabelled", files.subsets), params.videos),
    params.subset,
    (recipe, modality, expected["classes"]),
    (journal, resume_key(files, {**params, "device": device.type})),
)
write_logits(snakemake.output[0], exported, {**params.origin, **origin})
discard_journal(journal)
job.finish(snakemake.output)
