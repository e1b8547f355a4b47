"""Rule draw_gallery: test clips of every class as the networks see them."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.figures.gallery import gallery, pick_clips
from ukdlib.figures.style import save
from ukdlib.frames import open_shards

shards = snakemake.input
stores = [open_shards(list(paths)) for paths in (shards.dark, shards.rgb, shards.flow)]
subsets = pd.read_parquet(shards.subsets)
clips = pick_clips(subsets, snakemake.params.classes, snakemake.params.per_class)
save(gallery(clips, *stores, snakemake.params.bound), snakemake.output[0], snakemake.params.note)
