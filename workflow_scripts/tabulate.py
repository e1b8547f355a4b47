"""Rule tabulate: one of the paper's tables from the metrics and logits of its rows."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.tables.accuracy import read_rows, summarise, to_html, to_markdown
from ukdlib.tables.page import write_table

params = snakemake.params
table = summarise(read_rows(params.files), params.baseline, params.paper, params.pretraining)
words = params.baseline, params.caption, params.note
pages = {snakemake.output.html: to_html(table, *words), snakemake.output.md: to_markdown(table, *words)}
write_table(table, snakemake.output.csv, pages)
