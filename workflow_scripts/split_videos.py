"""Rule split_videos: the training, validation and test videos of one split; no group is in two of them."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.splits import assign_subsets

clips = pd.read_parquet(snakemake.input.clips)
labels = dict(zip(clips["video_id"], clips["label"].tolist(), strict=True))
subsets = pd.DataFrame(assign_subsets(snakemake.params.videos, labels, **snakemake.params.setting)).assign(
    fold=0
)
print(
    subsets.groupby("subset").agg(videos=("video_id", "size"), groups=("group", "nunique")), file=sys.stderr
)
subsets.to_parquet(snakemake.output[0], index=False)
