"""Rule calibrate: a temperature from validation logits, what it does to test logits, and risk against coverage."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import write_json
from ukdlib.knowledge.logits import read_logits
from ukdlib.results.calibration import calibrate

job = begin(snakemake.rule, snakemake.params, snakemake.input)
found = calibrate(read_logits(snakemake.input.val), read_logits(snakemake.input.test))
write_json(snakemake.output[0], found)
job.finish(snakemake.output)
