"""Rule plot_confidence: confidence of teachers on training videos that they were, and were not, trained on."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.knowledge.logits import read_logits
from ukdlib.results.figures.style import save
from ukdlib.results.figures.training import confidence
from ukdlib.results.grouping import by_row

rows, files = snakemake.params.rows, snakemake.input
origins = {"in-sample": by_row(rows, files.in_sample), "out-of-fold": by_row(rows, files.out_of_fold)}
teachers = {
    teacher: {origin: [read_logits(path) for path in paths[teacher]] for origin, paths in origins.items()}
    for teacher in rows
}
save(confidence(teachers), snakemake.output[0], snakemake.params.note)
