"""Rule admit_unlabelled: the usable clips without labels, none of a group that the split holds out."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.videos.records import read_records, write_records
from ukdlib.videos.unlabelled import groups_of_unlabelled, refuse_held_out

job = begin(snakemake.rule, snakemake.params, snakemake.input)
clips = read_records(snakemake.input.clips)[["video_id", "label", "frame_hash"]]
groups = groups_of_unlabelled(clips["video_id"].tolist(), **snakemake.params.groups)
rows = clips.assign(subset="unlabelled", group=clips["video_id"].map(groups), fold=0)
refuse_held_out(rows.to_dict("records"), read_records(snakemake.input.subsets).to_dict("records"))
print(f"{len(rows)} clips without labels, {rows['group'].nunique()} groups", file=sys.stderr)
write_records(snakemake.output[0], rows)
job.finish(snakemake.output)
