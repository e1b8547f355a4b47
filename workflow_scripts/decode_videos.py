"""Rule decode_videos: the frames of a shard's usable videos, corrected and resized if configured, in one file."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import cv2

from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.corrections import WHOLE_CLIP, correct
from ukdlib.frames.store import resize, write_shard
from ukdlib.videos.decoding import Reading, read_video
from ukdlib.videos.records import read_records

cv2.setNumThreads(1)  # jobs run in parallel
params = snakemake.params
videos = read_records(snakemake.input[0]).query("status == 'ok'")
paths = dict(zip(videos["video_id"], videos["path"], strict=True))
reading = Reading(**params.reading)


def finish(frames):
    return resize(correct(frames, params.transform, **params.options), params.short_side)


def decode(video_id):
    print(video_id, file=sys.stderr)
    if params.transform in WHOLE_CLIP:
        return finish(read_video(paths[video_id], reading)[0])
    return read_video(paths[video_id], reading, lambda frame: finish(frame[None])[0])[0]


key = resume_key(snakemake.input, dict(params.items()))
write_shard(snakemake.output[0], list(paths), decode, params.codec, key)
