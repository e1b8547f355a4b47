"""Rule plot_weights: how each fusion weighs its teachers on the training videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.figures.style import save
from ukdlib.figures.training import weights
from ukdlib.grouping import by_row
from ukdlib.logits import read_logits

files = by_row(snakemake.params.rows, snakemake.input)
fusions = {label: [read_logits(path) for path in paths] for label, paths in files.items()}
save(weights(fusions), snakemake.output[0], snakemake.params.note)
