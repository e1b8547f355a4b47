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
from ukdlib.videos.decoding import Film, Reading
from ukdlib.videos.records import read_records

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
cv2.setNumThreads(1)  # jobs run in parallel
params = snakemake.params
videos = read_records(snakemake.input.inspected).query("status == 'ok'")
sizes = videos.set_index("video_id").astype({"height": int, "width": int})
paths = sizes["path"].to_dict()
reading = Reading(**params.reading)


def decode(video_id):
    height, width = sizes.loc[video_id, ["height", "width"]]
    short_side = params.short_side or min(height, width, params.at_most)
    print(f"{video_id}: short side {min(height, width)} -> {short_side}", file=sys.stderr)
    yield from correct_clip(
        partial(Film, paths[video_id], reading), params.transform, short_side, **params.options
    )


key = resume_key([snakemake.input.inspected], dict(params.items()))
write_shard(snakemake.output[0], list(paths), decode, params.codec, key)
job.finish(snakemake.output)
