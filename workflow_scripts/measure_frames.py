"""Rule measure_frames: what the clips of a shard are like in one modality."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.frames import open_shards
from ukdlib.measures import measure_flow, measure_pictures

params = snakemake.params
store = open_shards(snakemake.input)


def measured(frames):
    return measure_pictures(frames) if params.bound is None else measure_flow(frames, params.bound)


rows = [
    {"video_id": video, **measured(store.window(video, range(0, store.shape(video)[0], params.every)))}
    for video in store.video_ids
]
pd.DataFrame(rows).assign(modality=params.modality).to_parquet(snakemake.output[0], index=False)
