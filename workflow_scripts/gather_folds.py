"""Rule gather_folds: the out-of-fold logits of one teacher, each video predicted by a network not trained on it."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.ensemble import gather_folds

job = begin(snakemake.rule, snakemake.params, snakemake.input)
origin = {"role": "teachers", "name": snakemake.wildcards.teacher, "subset": "train"}
gather_folds(snakemake.output[0], snakemake.input.logits, origin)
job.finish(snakemake.output)
