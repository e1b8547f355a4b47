"""Rule inspect_videos: decode each listed video of a shard once; what cannot be used gets a reason."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.annotations import locate
from ukdlib.decoding import Reading
from ukdlib.video import FINDINGS, check_video

folder, min_frames = snakemake.params.folder, snakemake.params.min_frames
reading = Reading(**snakemake.params.reading)
rows = []
for video_id, listed, label in snakemake.params.videos:
    path = locate(folder, listed) or listed
    rows.append(
        {"video_id": video_id, "path": path, "label": label, **check_video(path, min_frames, reading)}
    )
    print(video_id, rows[-1]["status"], rows[-1]["reason"], file=sys.stderr)
columns = ["video_id", "path", "label", *FINDINGS, "status", "reason"]
pd.DataFrame(rows, columns=columns).to_parquet(snakemake.output[0], index=False)
