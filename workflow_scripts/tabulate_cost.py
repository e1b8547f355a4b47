"""Rule tabulate_cost: Table 4, the cost of a training step by number of teachers."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.lineage import begin
from ukdlib.results.tables.cost import cost_to_html, widen_cost
from ukdlib.results.tables.page import write_table

job = begin(snakemake.rule, snakemake.params, snakemake.input)
table = widen_cost(pd.read_csv(snakemake.input[0]))
page = cost_to_html(table, snakemake.params.caption, snakemake.params.note)
write_table(table, snakemake.output.csv, {snakemake.output.html: page})
job.finish(snakemake.output)
