"""Rule plot_reliability: how often an arm is right against how sure it is."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.figures.results import reliability
from ukdlib.figures.style import save
from ukdlib.grouping import by_row
from ukdlib.logits import read_logits

files = by_row(snakemake.params.rows, snakemake.input)
arms = {label: [read_logits(path) for path in paths] for label, paths in files.items()}
save(reliability(arms), snakemake.output[0], snakemake.params.note)
