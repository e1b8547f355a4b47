"""Rule plot_confusion: confusion matrices, one per arm."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.results.figures.results import confusion
from ukdlib.results.figures.style import save
from ukdlib.results.grouping import by_row
from ukdlib.results.tables.accuracy import read_metrics

files = by_row(snakemake.params.rows, snakemake.input)
results = {label: [read_metrics(path) for path in paths] for label, paths in files.items()}
save(confusion(results), snakemake.output[0], snakemake.params.note)
