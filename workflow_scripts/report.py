"""Rule report: everything in one file that opens offline."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.results.report import (
    environment,
    read_figures,
    read_leaks,
    read_rejected,
    read_table,
    read_warnings,
    write_report,
)

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
write_report(
    snakemake.output[0],
    params.template,
    title=params.title,
    note=params.note,
    tables=[read_table(path) for path in snakemake.input.tables],
    figures=read_figures(snakemake.input.figures, params.captions),
    data_tables=[read_table(path) for path in snakemake.input.data_tables],
    data_figures=read_figures(snakemake.input.data_figures, params.captions),
    rejected=read_rejected(snakemake.input.rejected),
    warnings=read_warnings(snakemake.input.warnings),
    leaks=read_leaks(snakemake.input.leaks),
    config=params.config,
    environment=environment(job.versions),
    mixed=[name for name, numbers in job.versions.items() if len(numbers) > 1],
)
job.finish(snakemake.output)
