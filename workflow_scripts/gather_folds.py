"""Rule gather_folds: the out-of-fold logits of one teacher, each video predicted by a network not trained on it."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.knowledge.ensemble import gather_folds

origin = {"role": "teachers", "name": snakemake.wildcards.teacher, "subset": "train"}
gather_folds(snakemake.output[0], snakemake.input.logits, origin)
