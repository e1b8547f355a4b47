"""Rule tabulate_unknown: which of the run's networks notice actions that none of them was taught."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.results.grouping import by_row
from ukdlib.results.tables.page import write_table
from ukdlib.results.unknown import tabulate, to_html

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
files = by_row(params.labels, snakemake.input)
table = tabulate({label: [read_json(path) for path in paths] for label, paths in files.items()})
page = to_html(table, params.caption, params.note)
write_table(table, snakemake.output.csv, {snakemake.output.html: page})
job.finish(snakemake.output)
