"""Rule draw_gallery: test clips of every class as the networks see them."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.results.figures.gallery import gallery, pick_clips
from ukdlib.results.figures.style import save
from ukdlib.videos.records import read_records

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
shards = snakemake.input
stores = [open_shards(list(paths)) for paths in (shards.dark, shards.rgb, shards.flow)]
subsets = read_records(shards.subsets)
clips = pick_clips(subsets, snakemake.params.classes, snakemake.params.per_class)
save(gallery(clips, *stores, snakemake.params.bound), snakemake.output[0], snakemake.params.note)
job.finish(snakemake.output)
