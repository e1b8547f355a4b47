"""Rule verify_logits: a sample of stored rows, recomputed from checkpoint and frames; fails if they differ."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device, together=snakemake.resources.together)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import write_json
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.knowledge.export import check_rows, trained_network, verify
from ukdlib.knowledge.logits import check_origin, read_logits
from ukdlib.learning.inference import prepare
from ukdlib.videos.subsets import read_videos

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
params, files, expected = snakemake.params, snakemake.input, snakemake.params.expected
rows = read_logits(files.logits)
trained_on = files.subsets, params.trained_on, snakemake.wildcards.dataset
network, modality, origin = trained_network(files.checkpoint, trained_on, expected)
check_origin(files.logits, rows.metadata, {**params.origin, **origin})
check_rows(files.logits, rows, *read_videos(files.get("unlabelled", files.subsets), params.videos))
network = prepare(network, choose_device(params.device))
recipe = {**expected["recipe"], "workers": snakemake.resources.workers}
setting = recipe, modality, expected["classes"]
found = verify(network, open_shards(files.frames), rows, setting, params.rows)
write_json(snakemake.output[0], found)
job.finish(snakemake.output)
