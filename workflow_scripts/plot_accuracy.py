"""Rule plot_accuracy: top-1 of every arm with its interval, beside the paper's numbers."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.results.figures.results import accuracy
from ukdlib.results.figures.style import save
from ukdlib.results.grouping import by_row
from ukdlib.results.tables.accuracy import read_metrics

files = by_row(snakemake.params.rows, snakemake.input)
results = {label: [read_metrics(path) for path in paths] for label, paths in files.items()}
save(accuracy(results, snakemake.params.paper), snakemake.output[0], snakemake.params.note)
