"""Rule index_videos: the usable videos of a data set and, apart, those that are not, with the reasons."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.video import same_frames, set_aside

checked = [row for path in snakemake.input for row in pd.read_parquet(path).to_dict("records")]
usable, rejected = set_aside(checked, snakemake.params.max_rejected)
for ids in same_frames(usable):
    print("identical frames:", *ids, file=sys.stderr)
print(f"{len(usable)} videos are usable, {len(rejected)} are set aside", file=sys.stderr)
clips = pd.DataFrame(usable).astype({"label": int, "num_frames": int, "height": int, "width": int})
clips.drop(columns="reason").to_parquet(snakemake.output.clips, index=False)
pd.DataFrame(rejected, columns=["video_id", "reason"]).to_csv(snakemake.output.rejected, index=False)
