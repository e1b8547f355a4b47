"""Rule draw_figures: what the trainings came to, in one picture after another."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.results.figures.catalogue import draw
from ukdlib.results.figures.style import save
from ukdlib.results.grouping import by_row

params = snakemake.params
for name, path in snakemake.output.items():
    files = by_row(params.labels[name], snakemake.input[name])
    save(draw(name, files, **params.extras.get(name, {})), path, params.note)
