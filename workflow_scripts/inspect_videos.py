"""Rule inspect_videos: decode each listed video of a shard once; unusable ones get a reason."""

import os
import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.journal import discard_journal, journaled
from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.videos.annotations import locate
from ukdlib.videos.decoding import Reading
from ukdlib.videos.inspection import FINDINGS, check_video
from ukdlib.videos.records import write_records

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params, journal = snakemake.params, f"{snakemake.output[0]}.journal"
below = None if params.links_out else params.folder


def inspect(first):
    for video_id, path in params.videos[first:]:
        path = locate(params.folder, path) or os.path.join(params.folder, path)
        found = check_video(path, params.min_frames, Reading(**params.reading), below)
        print(video_id, found["status"], found["reason"], file=sys.stderr)
        yield {"video_id": video_id, "path": path, **found}


rows = journaled(journal, resume_key(snakemake.input.videos, dict(params.items())), inspect)
columns = ["video_id", "path", *FINDINGS, "status", "reason"]
write_records(snakemake.output[0], pd.DataFrame(rows, columns=columns))
discard_journal(journal)
job.finish(snakemake.output)
