"""Rule describe_data: the report's tables and figure of a data set: clips by class, brightness, noise, motion."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import pandas as pd

from ukdlib.artifacts.lineage import begin
from ukdlib.results.figures.data import distributions
from ukdlib.results.figures.style import save
from ukdlib.results.metadata import give_away
from ukdlib.results.metadata import to_html as metadata_to_html
from ukdlib.results.tables import data
from ukdlib.results.tables.page import write_table
from ukdlib.videos.records import read_records

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params, paths = snakemake.params, snakemake.input
clips, subsets = read_records(paths.clips), read_records(paths.subsets)
measured = pd.concat(map(read_records, paths.measured)).reindex(
    columns=["video_id", "modality", *data.PICTURES, *data.FLOW]
)
counts, table = data.count_clips(subsets, params.classes), data.medians(measured)
page = data.counts_to_html(counts, params.counts_caption, params.note, data.sizes(clips))
write_table(counts, snakemake.output.counts, {snakemake.output.counts_html: page})
page = data.medians_to_html(table, params.measures_caption, params.note, [params.words])
write_table(table, snakemake.output.measures, {snakemake.output.measures_html: page})
given = give_away(clips, subsets)
page = metadata_to_html(given, params.metadata_caption, params.note, [params.metadata_words])
write_table(given, snakemake.output.metadata, {snakemake.output.metadata_html: page})
save(distributions(clips, measured), snakemake.output.figure, params.note)
job.finish(snakemake.output)
