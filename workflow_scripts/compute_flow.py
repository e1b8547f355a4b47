"""Rule compute_flow: optical flow codes between the frames of a shard, resized first if configured."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import cv2
import numpy as np

from ukdlib import flow
from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.flow.clips import flow_ahead
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.frames.writing import write_shard
from ukdlib.machine.compiling import first_alone
from ukdlib.machine.devices import choose_device, lease_gpus
from ukdlib.pictures.levels import resize

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
cv2.setNumThreads(1)  # jobs run in parallel
params, source = snakemake.params, open_shards([snakemake.input.frames])
if params.backend == "torch":
    lease_gpus(params.device)
    print(choose_device(params.device), file=sys.stderr)  # refused if a GPU is requested and there is none
if params.backend == "numba":  # of jobs that start together, one compiles
    first_alone(flow.flow_clip, flow.__file__)(np.zeros((2, 16, 16, 3), "u1"), params.preset, params.bound)


def windows(video_id):
    print(video_id, file=sys.stderr)
    together = 2 + int(params.pixels // np.prod(source.shape(video_id)[1:3]))
    for frames in source.windows(video_id, together, shared=1):
        yield resize(frames, params.short_side)


key = resume_key([snakemake.input.frames], dict(params.items()))
with flow_ahead(source.video_ids, windows, params.preset, params.bound, params.backend) as codes:
    write_shard(snakemake.output[0], source.video_ids, codes, params.codec, key)
job.finish(snakemake.output)
