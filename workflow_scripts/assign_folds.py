"""Rule assign_folds: the training videos of one split in folds; no group is in two of them."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.videos.crossfit import assign_folds
from ukdlib.videos.records import read_records, write_records

job = begin(snakemake.rule, snakemake.params, snakemake.input)
train = read_records(snakemake.input.subsets).query("subset == 'train'")
names = [snakemake.params.classes[label] for label in train["label"]]
folds = assign_folds(names, train["group"].tolist(), **snakemake.params.setting)
folds = train[["video_id", "label", "group", "frame_hash"]].assign(fold=folds)
print(folds.groupby("fold").agg(videos=("video_id", "size"), groups=("group", "nunique")), file=sys.stderr)
write_records(snakemake.output[0], folds)
job.finish(snakemake.output)
