"""Rule plot_confidence: how sure teachers are of training videos that they have, and have not, seen."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.figures.style import save
from ukdlib.figures.training import confidence
from ukdlib.logits import read_logits

teachers = {
    teacher: {origin: [read_logits(path) for path in paths] for origin, paths in files.items()}
    for teacher, files in snakemake.params.files.items()
}
save(confidence(teachers), snakemake.output[0], snakemake.params.note)
