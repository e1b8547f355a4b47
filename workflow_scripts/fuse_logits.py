"""Rule fuse_logits: one target distribution per clip from the logits of several teachers, read in parallel."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.ensemble import fuse_files

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
origin = {"role": "fusions", "name": params.name, "teachers": ",".join(params.fusion["teachers"])}
fuse_files(snakemake.output[0], snakemake.input.logits, params.fusion, origin)
job.finish(snakemake.output)
