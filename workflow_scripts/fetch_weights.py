"""Rule fetch_weights: published weights, checked by their hash."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.pretrained.download import address_of, fetch

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
url, sha256 = address_of(params.place, params.source)
fetch(url, sha256, snakemake.output[0], params.place)
job.finish(snakemake.output)
