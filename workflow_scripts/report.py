"""Rule report: everything in one file that opens offline."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.report import environment, read_figures, read_rejected, read_table, write_report

params = snakemake.params
write_report(
    snakemake.output[0],
    snakemake.input.template,
    title=params.title,
    note=params.note,
    tables=[read_table(path) for path in snakemake.input.tables],
    figures=read_figures(snakemake.input.figures, params.captions),
    rejected=read_rejected(snakemake.input.rejected),
    config=params.config,
    environment=environment(),
)
