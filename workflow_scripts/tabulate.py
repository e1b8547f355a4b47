"""Rule tabulate: one of the paper's tables from the metrics and logits of its rows."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.results.grouping import by_row
from ukdlib.results.tables.accuracy import read_rows, summarise
from ukdlib.results.tables.accuracy_page import to_html, to_markdown
from ukdlib.results.tables.page import write_table

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params, files = snakemake.params, snakemake.input
labels, trained = ([label for label, _ in rows] for rows in (params.rows, params.trained))
metrics, logits = by_row(labels, files.metrics), by_row(labels, files.logits)
rows = read_rows(metrics, logits, by_row(trained, files.histories))
table = summarise(rows, params.baseline, params.paper, params.pretraining, params.steps)
words = params.baseline, params.caption, params.note
pages = {snakemake.output.html: to_html(table, *words), snakemake.output.md: to_markdown(table, *words)}
write_table(table, snakemake.output.csv, pages)
job.finish(snakemake.output)
