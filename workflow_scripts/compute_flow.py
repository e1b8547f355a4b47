"""Rule compute_flow: optical flow codes between the frames of a shard, which are resized first if asked."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import cv2

from ukdlib.flow import flow_clip
from ukdlib.frames import open_shards, resize, resume_key, write_shard

cv2.setNumThreads(1)  # jobs run side by side
params = snakemake.params
source = open_shards(snakemake.input)


def flow_of(video_id):
    print(video_id, file=sys.stderr)
    frames = resize(source.video(video_id), params.short_side)
    return flow_clip(frames, params.preset, params.bound, params.backend)


key = resume_key(snakemake.input, dict(params.items()))
write_shard(snakemake.output[0], source.video_ids, flow_of, params.codec, key)
