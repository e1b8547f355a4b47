"""Rule decode_videos: the frames of a shard's usable videos, corrected and resized if configured, in one file."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from functools import partial

import cv2

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.corrections import correct_clip
from ukdlib.frames.store import fingerprint
from ukdlib.frames.writing import write_shard
from ukdlib.videos.decoding import Reading
from ukdlib.videos.inspection import inspected_film
from ukdlib.videos.records import read_records

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
cv2.setNumThreads(1)  # jobs run in parallel
params = snakemake.params
videos = read_records(snakemake.input.inspected).query("status == 'ok'").set_index("video_id")
videos = videos.astype({"num_frames": int, "height": int, "width": int}).to_dict("index")
reading = Reading(**params.reading)


def decode(video_id):
    video = videos[video_id]
    short_side = params.short_side or min(video["height"], video["width"], params.at_most)
    print(f"{video_id}: {video['width']} x {video['height']}, short side -> {short_side}", file=sys.stderr)
    film = partial(inspected_film, video["path"], reading, video)
    yield from correct_clip(film, params.transform, short_side, **params.options)


key = resume_key([snakemake.input.inspected], dict(params.items()))
write_shard(snakemake.output[0], list(videos), decode, params.codec, key)
job.finish(snakemake.output)
