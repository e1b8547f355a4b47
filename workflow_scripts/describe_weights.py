"""Rule describe_weights: the hashes of published weights, and a card that says what they are."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.pretrained.publishing import write_card, write_sums

job = begin(snakemake.rule, snakemake.params, snakemake.input)
files, metrics = snakemake.input.weights, [read_json(path) for path in snakemake.input.metrics]
write_card(snakemake.output.card, files, metrics, snakemake.params.words)
write_sums(snakemake.output.sums, files)
job.finish(snakemake.output)
