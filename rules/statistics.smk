"""
Statistics of the data: the report's section on them.

INPUT:   results/{dataset}/clips.parquet, subsets.parquet, frames of every modality of the run
OUTPUT:  results/{dataset}/measured/{modality}/shard{shard}.parquet
         results/{dataset}/tables/data_clips.*, data_measures.*, data_metadata.*, figures/data.svg, modalities.png
"""

SHOWN = modalities_of_run()
STORED = [name for name in SHOWN if has_frames(config, name)]
FLOWS = {name: bound_of(name) for name in STORED if has_flow(config, name)}


rule measure_frames:
    input:
        frames="results/{dataset}/frames/{modality}/shard{shard}.arrow",
    output:
        "results/{dataset}/measured/{modality}/shard{shard}.parquet",
    log:
        "logs/measure_frames/{dataset}_{modality}_{shard}.log",
    benchmark:
        "results/benchmarks/measure_frames/{dataset}_{modality}_{shard}.tsv"
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, at_most=4),
    params:
        modality="{modality}",
        bound=lambda wildcards: FLOWS.get(wildcards.modality),
        every=4,  # frames; neighbours are similar
        pixels=2**24,  # at most, of a clip
        code=code("measure_frames"),
    script:
        "../workflow_scripts/measure_frames.py"


rule describe_data:
    input:
        clips=f"results/{DATASET}/clips.parquet",
        subsets=FIRST_SUBSETS,
        measured=expand(
            f"results/{DATASET}/measured/{{modality}}/shard{{shard}}.parquet",
            modality=STORED,
            shard=range(config["datasets"][DATASET]["shards"]),
        ),
    output:
        counts=f"results/{DATASET}/tables/data_clips.csv",
        counts_html=f"results/{DATASET}/tables/data_clips.html",
        measures=f"results/{DATASET}/tables/data_measures.csv",
        measures_html=f"results/{DATASET}/tables/data_measures.html",
        metadata=f"results/{DATASET}/tables/data_metadata.csv",
        metadata_html=f"results/{DATASET}/tables/data_metadata.html",
        figure=figure("data.svg"),
    log:
        "logs/describe_data.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        classes=as_is(listed(DATASET).classes),
        counts_caption=f"Clips by class and subset, split {config['run']['splits'][0]}",
        measures_caption="What the networks see: medians over clips",
        metadata_caption=f"What else tells the classes apart: the class guessed from the file alone, split {config['run']['splits'][0]}",
        metadata_words="Naive Bayes on what the files say of themselves, trained on the training clips, tested on the test clips. Well above the last column, a network may learn the file instead of the action: bring all videos to one size, rate and codec first.",
        words="Noise: standard deviation of white noise, estimated from second differences (Immerkaer, 1996). Cut off: beyond the bound of flow's 8-bit code.",
        note=as_is(NOTE),
        code=code("describe_data"),
    script:
        "../workflow_scripts/describe_data.py"


rule draw_sheet:
    input:
        frames=[path for name in SHOWN for path in frames_of(DATASET, stored_as(config, name))],
        subsets=FIRST_SUBSETS,
    output:
        figure("modalities.png"),
    log:
        "logs/draw_sheet.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        modalities=SHOWN,
        bounds=FLOWS,
        moving=[name for name in SHOWN if name not in STORED],
        classes=as_is(listed(DATASET).classes),
        note=as_is(NOTE),
        code=code("draw_sheet"),
    script:
        "../workflow_scripts/draw_sheet.py"
