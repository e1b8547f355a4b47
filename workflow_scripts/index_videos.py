"""Rule index_videos: the usable videos of a data set and, apart, those that are not, with the reasons."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.video import remarks_on, set_aside

checked = [row for path in snakemake.input for row in pd.read_parquet(path).to_dict("records")]
usable, rejected = set_aside(checked, snakemake.params.max_rejected)
remarks = snakemake.params.remarks + remarks_on(usable, snakemake.params.resampled)
print(f"{len(usable)} videos are usable, {len(rejected)} are set aside", file=sys.stderr)
pd.DataFrame(remarks, columns=["what", "remark"]).to_csv(snakemake.output.remarks, index=False)
clips = pd.DataFrame(usable).astype({"label": int, "num_frames": int, "height": int, "width": int})
clips.drop(columns="reason").to_parquet(snakemake.output.clips, index=False)
pd.DataFrame(rejected, columns=["video_id", "reason"]).to_csv(snakemake.output.rejected, index=False)
