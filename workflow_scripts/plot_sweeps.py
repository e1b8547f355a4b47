"""Rule plot_sweeps: accuracy against one setting at a time."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.results.figures.results import sweeps
from ukdlib.results.figures.style import save

tables = {
    title: (baseline, pd.read_csv(path, index_col="row"))
    for (title, baseline), path in zip(snakemake.params.baselines.items(), snakemake.input, strict=True)
}
save(sweeps(tables), snakemake.output[0], snakemake.params.note)
