"""Rule evaluate: metrics of one file of logits as JSON, with split, seed, role and name of the run."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import write_json
from ukdlib.knowledge.logits import read_logits
from ukdlib.results.metrics import evaluate
from ukdlib.videos.records import read_columns

job = begin(snakemake.rule, snakemake.params, snakemake.input)
rows = read_logits(snakemake.input.logits)
subsets = read_columns(snakemake.input.subsets)
groups = dict(zip(subsets["video_id"].to_pylist(), subsets["group"].to_pylist(), strict=True))
metrics = evaluate(rows.video_ids, rows.labels, rows.logits, rows.classes, groups)
write_json(snakemake.output[0], {**snakemake.params.context, "source": rows.metadata, **metrics})
job.finish(snakemake.output)
