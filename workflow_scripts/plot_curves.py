"""Rule plot_curves: learning curves of every arm, epoch by epoch."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.results.figures.style import save
from ukdlib.results.figures.training import curves
from ukdlib.results.grouping import by_row

files = by_row(snakemake.params.rows, snakemake.input)
histories = {label: [pd.read_csv(path) for path in paths] for label, paths in files.items()}
save(curves(histories), snakemake.output[0], snakemake.params.note)
