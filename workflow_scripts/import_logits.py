"""Rule import_logits: an external teacher; its file is checked and reduced to the videos and views of a subset."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.knowledge.foreign import read_foreign
from ukdlib.knowledge.logits import write_logits
from ukdlib.videos.subsets import read_videos

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
video_ids, numbers = read_videos(snakemake.input.subsets, [("subset", "==", params.subset)])
labels = dict(zip(video_ids, numbers.tolist(), strict=True))
rows = read_foreign(snakemake.input.file or params.file, labels, params.classes, params.views)
write_logits(snakemake.output[0], rows, params.origin)
job.finish(snakemake.output)
