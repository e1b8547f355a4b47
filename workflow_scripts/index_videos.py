"""Rule index_videos: the usable videos of a data set and, separately, the rejected ones with the reasons."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.lineage import begin
from ukdlib.videos.inspection import data_set_warnings, lost_class_warnings, set_aside, video_warnings
from ukdlib.videos.records import read_records, write_csv, write_records

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params = snakemake.params
inspected = pd.concat([read_records(path) for path in snakemake.input.inspected])
inspected["label"] = inspected["video_id"].map(params.labels)
usable, rejected = set_aside(inspected.to_dict("records"), params.max_rejected)
warnings = params.warnings + video_warnings(usable) + data_set_warnings(usable, params.reduced)
warnings += lost_class_warnings(usable, rejected, params.classes)
print(f"{len(usable)} videos are usable, {len(rejected)} are rejected", file=sys.stderr)
write_csv(snakemake.output.warnings, pd.DataFrame(warnings, columns=["what", "warning"]))
clips = pd.DataFrame(usable).astype({"label": int, "num_frames": int, "height": int, "width": int})
write_records(snakemake.output.clips, clips.drop(columns="reason"))
write_csv(snakemake.output.rejected, pd.DataFrame(rejected, columns=["video_id", "reason"]))
job.finish(snakemake.output)
