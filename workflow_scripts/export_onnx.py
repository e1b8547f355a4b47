"""Rule export_onnx: a packaged network with its preprocessing as an ONNX graph, compared on test clips."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from pathlib import Path

from ukdlib.artifacts.lineage import begin
from ukdlib.deploy.description import read_description
from ukdlib.deploy.exporting import export, test_clips
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.videos.subsets import read_videos

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
folder = Path(snakemake.output.graph).parent
description = read_description(folder)
video_ids, _ = read_videos(snakemake.input.subsets, [("subset", "==", "test")])
windows = test_clips(open_shards(snakemake.input.frames), video_ids, description, snakemake.params.clips)
print(export(folder, description, windows), file=sys.stderr)
job.finish(snakemake.output)
