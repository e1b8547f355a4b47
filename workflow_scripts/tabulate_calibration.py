"""Rule tabulate_calibration: how honest the probabilities of the packaged models are."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.results.calibration import tabulate, to_html
from ukdlib.results.tables.page import write_table

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
records = dict(zip(params.models, map(read_json, snakemake.input), strict=True))
page = to_html(table := tabulate(records), "Calibration of the packaged models", params.note)
write_table(table, snakemake.output.csv, {snakemake.output.html: page})
job.finish(snakemake.output)
