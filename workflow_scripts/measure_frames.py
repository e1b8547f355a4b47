"""Rule measure_frames: statistics of the clips of a shard in one modality."""

import math
import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.journal import discard_journal, journaled
from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.measures import measure_flow, measure_pictures
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.videos.records import write_records

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
params, journal = snakemake.params, f"{snakemake.output[0]}.journal"
store = open_shards([snakemake.input.frames])


def measure(first):
    for video in store.video_ids[first:]:
        count, height, width, _ = store.shape(video)
        step = max(params.every, math.ceil(count * height * width / params.pixels))
        frames = store.window(video, range(0, count, step))
        found = measure_pictures(frames) if params.bound is None else measure_flow(frames, params.bound)
        store.release(video)
        yield {"video_id": video, **found}


rows = journaled(journal, resume_key([snakemake.input.frames], dict(params.items())), measure)
write_records(snakemake.output[0], pd.DataFrame(rows).assign(modality=params.modality))
discard_journal(journal)
job.finish(snakemake.output)
