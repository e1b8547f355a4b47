"""Rule tabulate: one of the paper's tables from the metrics and logits of its rows."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.tables.accuracy import read_rows, summarise, to_html
from ukdlib.tables.page import write_table

params = snakemake.params
table = summarise(read_rows(params.files), params.baseline, params.paper)
page = to_html(table, params.baseline, params.caption, params.note)
write_table(table, page, snakemake.output.csv, snakemake.output.html)
