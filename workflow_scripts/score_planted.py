"""Rule score_planted: how many labels that were made wrong on purpose are found."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.held_out import read_held_out, read_run, run_by_run
from ukdlib.results.suspects import planted_table
from ukdlib.videos.records import write_csv

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params, count = snakemake.params, len(snakemake.params.teachers)
held_out = map(read_held_out, run_by_run(snakemake.input.held_out, count))
in_sample = map(read_run, run_by_run(snakemake.input.in_sample, count))
rows = [
    row
    for held, seen, noise in zip(held_out, in_sample, params.planted, strict=True)
    for row in planted_table(held, seen, params.labels, noise)
]
write_csv(snakemake.output[0], pd.DataFrame(rows))
job.finish(snakemake.output)
