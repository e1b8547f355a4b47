"""Rule measure_cost: time and memory of a student's training step by number of teachers."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import lease_device

device = lease_device(snakemake.params.device)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.cost import Setup, measure_costs, write_costs
from ukdlib.learning.augment import Modality

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
setup = Setup(
    params.network, params.recipe, Modality(**params.modality), params.classes, device, params.steps
)
write_costs(snakemake.output[0], measure_costs(setup, params.cases))
job.finish(snakemake.output)
