"""Rule tabulate_worth: what each teacher is worth to the fused target, beside its price, and the curve of knowledge."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.knowledge.facts import read_groups
from ukdlib.knowledge.held_out import read_held_out, run_by_run
from ukdlib.results.figures.style import save
from ukdlib.results.figures.worth import knowledge_curve, worth
from ukdlib.results.worth import clips_of, curve_table, prices, students_table, worth_table
from ukdlib.videos.records import write_csv

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params, files = snakemake.params, snakemake.output
held_out = [read_held_out(paths) for paths in run_by_run(snakemake.input.logits, len(params.teachers))]
clips = clips_of(held_out, read_groups(params.splits, snakemake.input.groups))
table = worth_table(clips, params.teachers, params.fusion, params.taus)
table = table.merge(prices(params.prices), on="teacher", how="left")
curve = curve_table(clips, params.fusion, params.taus)
metrics = run_by_run([read_json(path) for path in snakemake.input.metrics], params.runs)
alike = [{**student, "metrics": runs} for student, runs in zip(params.students, metrics, strict=True)]
students = students_table(alike, clips, params.teachers)
for path, rows in ((files.worth, table), (files.curve, curve), (files.students, students)):
    write_csv(path, rows)
save(worth(table), files.worth_figure, params.note)
save(knowledge_curve(curve, students), files.curve_figure, params.note)
job.finish(snakemake.output)
