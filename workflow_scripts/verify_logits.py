"""Rule verify_logits: a sample of stored rows, recomputed from checkpoint and frames; fails if they differ."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import videos_hash
from ukdlib.artifacts.sealed_json import write_json
from ukdlib.artifacts.sealing import sha256
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.knowledge.export import check_rows, verify
from ukdlib.knowledge.logits import check_origin, read_logits
from ukdlib.learning.augment import Modality
from ukdlib.learning.checkpoints import load_network
from ukdlib.learning.inference import prepare
from ukdlib.videos.subsets import read_videos

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
params = snakemake.params
rows = read_logits(snakemake.input.logits)
origin = {**params.origin, "checkpoint": sha256(snakemake.input.checkpoint)}
check_origin(snakemake.input.logits, rows.metadata, origin)
expected = params.expected
trained_on = videos_hash(read_videos(snakemake.input.subsets, params.trained_on)[0])
modality = Modality(**expected["modality"])
network, _ = load_network(
    snakemake.input.checkpoint, in_channels=modality.channels, trained_on=trained_on, **expected
)
check_rows(snakemake.input.logits, rows, *read_videos(snakemake.input.subsets, params.videos))
network = prepare(network, choose_device(params.device))
recipe = {**expected["recipe"], "workers": snakemake.resources.workers}
setting = recipe, modality, expected["classes"]
found = verify(network, open_shards(snakemake.input.frames), rows, setting, params.rows)
write_json(snakemake.output[0], found)
job.finish(snakemake.output)
