"""Rule plot_reliability: accuracy of each arm against its confidence."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.knowledge.logits import read_logits
from ukdlib.results.figures.results import reliability
from ukdlib.results.figures.style import save
from ukdlib.results.grouping import by_row

files = by_row(snakemake.params.rows, snakemake.input)
arms = {label: [read_logits(path) for path in paths] for label, paths in files.items()}
save(reliability(arms), snakemake.output[0], snakemake.params.note)
