"""Rule index_videos: the usable videos of a data set and, apart, those that are not, with the reasons."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.video import remarks_on, set_aside

params = snakemake.params
inspected = pd.concat([pd.read_parquet(path) for path in snakemake.input])
inspected["label"] = inspected["video_id"].map(params.labels)
usable, rejected = set_aside(inspected.to_dict("records"), params.max_rejected)
remarks = params.remarks + remarks_on(usable, params.resampled)
print(f"{len(usable)} videos are usable, {len(rejected)} are set aside", file=sys.stderr)
pd.DataFrame(remarks, columns=["what", "remark"]).to_csv(snakemake.output.remarks, index=False)
clips = pd.DataFrame(usable).astype({"label": int, "num_frames": int, "height": int, "width": int})
clips.drop(columns="reason").to_parquet(snakemake.output.clips, index=False)
pd.DataFrame(rejected, columns=["video_id", "reason"]).to_csv(snakemake.output.rejected, index=False)
