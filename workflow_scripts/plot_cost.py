"""Rule plot_cost: time and memory of a training step by number of teachers."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.results.figures.style import save
from ukdlib.results.figures.training import cost

save(cost(pd.read_csv(snakemake.input[0])), snakemake.output[0], snakemake.params.note)
