"""Rule find_suspects: labels that are probably wrong, by teachers that were not trained on the clip."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.facts import read_groups
from ukdlib.knowledge.held_out import pool, read_held_out, run_by_run
from ukdlib.results.suspects import pairs_table, suspects_table
from ukdlib.videos.records import write_csv

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
runs = [read_held_out(paths) for paths in run_by_run(snakemake.input.logits, len(params.teachers))]
pooled, classes = pool(runs), runs[0].classes
groups = read_groups(params.splits, snakemake.input.groups)
suspects = suspects_table(
    pooled, classes, {video: name for split in groups.values() for video, name in split.items()}
)
print(f"{len(suspects)} of {len(pooled.labels)} labels are suspect", file=sys.stderr)
write_csv(snakemake.output.suspects, suspects)
write_csv(snakemake.output.pairs, pairs_table(pooled, classes))
job.finish(snakemake.output)
