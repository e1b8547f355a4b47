"""Rule gather_knowledge: all that is known of every clip, in one table."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.facts import Source, gather, read_groups, write_facts

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
groups = read_groups(params.splits, snakemake.input.groups)
sources = [Source(**source) for source in params.sources]
table = gather(dict(zip(snakemake.input.logits, sources, strict=True)), groups, params.fusion)
print(f"{table.num_rows} rows", file=sys.stderr)
write_facts(snakemake.output[0], table, params.metadata)
job.finish(snakemake.output)
