"""Rule decode_videos: the frames of a shard's usable videos, resized if asked, in one file."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import cv2
import pandas as pd

from ukdlib.decoding import Reading, read_video
from ukdlib.frames import resize, resume_key, write_shard
from ukdlib.gamma import correct_gamma

cv2.setNumThreads(1)  # jobs run side by side
params = snakemake.params
videos = pd.read_parquet(snakemake.input[0]).query("status == 'ok'")
paths = dict(zip(videos["video_id"], videos["path"], strict=True))


def finish(frame):
    return resize(correct_gamma(frame[None], params.gamma), params.short_side)[0]


def decode(video_id):
    print(video_id, file=sys.stderr)
    return read_video(paths[video_id], Reading(**params.reading), finish)[0]


key = resume_key(snakemake.input, dict(params.items()))
write_shard(snakemake.output[0], list(paths), decode, params.codec, key)
