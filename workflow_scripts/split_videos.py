"""Rule split_videos: the training, validation and test videos of one split; no group is in two of them."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.lineage import begin
from ukdlib.videos.records import read_records, write_csv, write_records
from ukdlib.videos.split_checks import class_warnings
from ukdlib.videos.splits import Held, assign_subsets, groups_of, leaks, set_apart

job = begin(snakemake.rule, snakemake.params, snakemake.input)
clips = read_records(snakemake.input.clips)
labels = dict(zip(clips["video_id"], clips["label"].tolist(), strict=True))
params = snakemake.params
labels |= {video: label for video, label in params.corrections.items() if video in labels}
groups = groups_of([video for part in params.videos.values() for video in part], **params.groups)
rows = assign_subsets(params.videos, labels, groups, params.classes, Held(**params.setting))
contents = dict(zip(clips["video_id"], clips["frame_hash"], strict=True))
if params.unknown:
    rows = set_apart(rows, [params.classes.index(name) for name in params.unknown])
found = leaks(rows, contents)
columns = ["video", "subset", "same_frames_as", "in_subset"]
write_csv(snakemake.output.leaks, pd.DataFrame(found, columns=columns))
subsets = pd.DataFrame(rows).assign(fold=0, frame_hash=[contents[row.video_id] for row in rows])
print(
    subsets.groupby("subset").agg(videos=("video_id", "size"), groups=("group", "nunique")), file=sys.stderr
)
sys.stderr.writelines(f"{warning}\n" for warning in class_warnings(rows, params.classes))
write_records(snakemake.output.subsets, subsets)
job.finish(snakemake.output)
