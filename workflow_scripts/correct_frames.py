"""Rule correct_frames: the frames of a shard, brightened (gamma, Eq. 13, or another way), resized if configured."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from functools import partial

import cv2

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.corrections import correct_clip
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.frames.writing import write_shard

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
cv2.setNumThreads(1)  # jobs run in parallel
params = snakemake.params
source = open_shards([snakemake.input.frames])


def corrected(video_id):
    print(video_id, file=sys.stderr)
    yield from correct_clip(
        partial(source.frames, video_id), params.transform, params.short_side, **params.options
    )


key = resume_key([snakemake.input.frames], dict(params.items()))
write_shard(snakemake.output[0], source.video_ids, corrected, params.codec, key)
job.finish(snakemake.output)
