"""Rule import_logits: a teacher made elsewhere; its file is checked and cut to the videos and views of a subset."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pyarrow.parquet as parquet

from ukdlib.foreign import read_foreign
from ukdlib.logits import write_logits

params = snakemake.params
videos = parquet.read_table(snakemake.input.subsets, filters=[("subset", "==", params.subset)])
labels = dict(zip(videos["video_id"].to_pylist(), videos["label"].to_pylist(), strict=True))
rows = read_foreign(snakemake.input.file, labels, params.classes, params.views)
write_logits(snakemake.output[0], rows, params.origin)
