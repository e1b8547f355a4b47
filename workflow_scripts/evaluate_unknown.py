"""Rule evaluate_unknown: how well a network's confidence tells known actions from those it was never taught."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import write_json
from ukdlib.knowledge.logits import read_logits
from ukdlib.results.unknown import separate
from ukdlib.videos.records import read_columns

job = begin(snakemake.rule, snakemake.params, snakemake.input)
subsets = read_columns(snakemake.input.subsets)
groups = dict(zip(subsets["video_id"].to_pylist(), subsets["group"].to_pylist(), strict=True))
found = separate(read_logits(snakemake.input.known), read_logits(snakemake.input.unknown), groups)
write_json(snakemake.output[0], found)
job.finish(snakemake.output)
