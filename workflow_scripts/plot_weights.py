"""Rule plot_weights: how each fusion weights its teachers on the training videos."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.knowledge.logits import read_logits
from ukdlib.results.figures.style import save
from ukdlib.results.figures.training import weights
from ukdlib.results.grouping import by_row

files = by_row(snakemake.params.rows, snakemake.input)
fusions = {label: [read_logits(path) for path in paths] for label, paths in files.items()}
save(weights(fusions), snakemake.output[0], snakemake.params.note)
