"""Rule inspect_videos: decode each listed video of a shard once; what cannot be used gets a reason."""

import os
import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.annotations import locate
from ukdlib.decoding import Reading
from ukdlib.video import FINDINGS, check_video

folder, min_frames = snakemake.params.folder, snakemake.params.min_frames
below = None if snakemake.params.links_out else folder
reading = Reading(**snakemake.params.reading)
rows = []
for video_id, listed, label in snakemake.params.videos:
    path = locate(folder, listed) or os.path.join(folder, listed)
    found = check_video(path, min_frames, reading, below)
    rows.append({"video_id": video_id, "path": path, "label": label, **found})
    print(video_id, rows[-1]["status"], rows[-1]["reason"], file=sys.stderr)
columns = ["video_id", "path", "label", *FINDINGS, "status", "reason"]
pd.DataFrame(rows, columns=columns).to_parquet(snakemake.output[0], index=False)
