"""Rule draw_knowledge_page: every clip of one split and seed, with what each teacher says of it."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.frames.store import fingerprint
from ukdlib.knowledge.facts import read_facts
from ukdlib.results.knowledge.clips import clips_of
from ukdlib.results.knowledge.page import write_pages
from ukdlib.results.knowledge.strips import flow_strips, picture_strips

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
run = {"split": snakemake.params.split, "seed": snakemake.params.seed}
facts, about = read_facts(snakemake.input.facts)
write_pages(
    list(snakemake.output.pages),
    clips_of(facts, about, **run),
    about | run,
    picture_strips(list(snakemake.input.pictures)),
    flow_strips(list(snakemake.input.flow), snakemake.params.bound),
)
job.finish(snakemake.output)
