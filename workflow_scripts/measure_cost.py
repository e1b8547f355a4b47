"""Rule measure_cost: time and memory of a student's training step by number of teachers."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import lease_gpus

lease_gpus(snakemake.params.device)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.cost import Case, measure_costs, write_costs
from ukdlib.learning.augment import Modality

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
case = Case(
    params.network, params.recipe, Modality(**params.modality), params.classes, params.device, params.steps
)
write_costs(snakemake.output[0], measure_costs(case, params.teacher_counts))
job.finish(snakemake.output)
