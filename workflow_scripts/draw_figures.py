"""Rule draw_figures: what the trainings came to, in one picture after another."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.results.figures.catalogue import draw
from ukdlib.results.figures.style import save
from ukdlib.results.grouping import by_row

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
for name, labels in params.labels.items():
    files = by_row(labels, snakemake.input[name])
    save(draw(name, files, **params.extras.get(name, {})), snakemake.output[name], params.note)
job.finish(snakemake.output)
