"""Rule publish_weights: a checkpoint as a small file for others to start from."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.pretrained.publishing import publish

job = begin(snakemake.rule, snakemake.params, snakemake.input)
publish(snakemake.input.checkpoint, snakemake.output[0])
job.finish(snakemake.output)
