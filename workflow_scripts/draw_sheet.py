"""Rule draw_sheet: the same test clips in every modality, side by side."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.artifacts.lineage import begin
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.results.figures.data import sheet
from ukdlib.results.figures.gallery import pick_clips
from ukdlib.results.figures.style import save
from ukdlib.results.grouping import by_row
from ukdlib.videos.records import read_records

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
params = snakemake.params
stores = {
    name: open_shards(paths) for name, paths in by_row(params.modalities, snakemake.input.frames).items()
}
clips = pick_clips(read_records(snakemake.input.subsets), params.classes)
save(sheet(clips, stores, params.bounds, params.moving), snakemake.output[0], params.note)
job.finish(snakemake.output)
