"""Rule correct_gamma: gamma-corrected frames (Eq. 13) of a shard, resized if asked."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import cv2

from ukdlib.frames import open_shards, resize, resume_key, write_shard
from ukdlib.gamma import correct_gamma

cv2.setNumThreads(1)  # jobs run side by side
params = snakemake.params
source = open_shards(snakemake.input)


def brighten(video_id):
    print(video_id, file=sys.stderr)
    return resize(correct_gamma(source.video(video_id), params.gamma), params.short_side)


key = resume_key(snakemake.input, dict(params.items()))
write_shard(snakemake.output[0], source.video_ids, brighten, params.codec, key)
