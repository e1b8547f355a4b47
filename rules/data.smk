"""
Videos and lists to a checked index and to the subsets of each split.

INPUT:   the videos and lists named under `datasets` in config.yaml
OUTPUT:  results/{dataset}/clips.parquet, rejected.csv           (every listed video is in exactly one of the two)
         results/{dataset}/warnings.csv                          (warnings about lists and usable videos)
         results/{dataset}/split{split}/subsets.parquet          (train, val, test; no group in two of them; unknown, left_out)
         results/{dataset}/split{split}/leaks.csv                (the same frames in two subsets)
         results/{dataset}/split{split}/folds.parquet             (the training videos in folds, for out-of-fold logits)
"""


rule render_darkroom:
    output:
        "results/{dataset}/rendered/shard{shard}.csv",
    log:
        "logs/render_darkroom/{dataset}_{shard}.log",
    benchmark:
        "results/benchmarks/render_darkroom/{dataset}_{shard}.tsv"
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30, at_most=4),
    params:
        names=lambda wildcards: [path for _, path in shard_videos(wildcards)],
        folder=lambda wildcards: videos_folder(wildcards.dataset),
        render=dataset_setting("render"),
        code=code("render_darkroom"),
    script:
        "../workflow_scripts/render_darkroom.py"


rule inspect_videos:
    input:
        videos=shard_sources,
    output:
        "results/{dataset}/inspected/shard{shard}.parquet",
    log:
        "logs/inspect_videos/{dataset}_{shard}.log",
    benchmark:
        "results/benchmarks/inspect_videos/{dataset}_{shard}.tsv"
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(frame_memory),
        runtime=growing(60, at_most=4),
    params:
        videos=shard_videos,
        folder=lambda wildcards: videos_folder(wildcards.dataset),
        min_frames=dataset_setting("min_frames"),
        links_out=dataset_setting("links_out"),
        reading=reading_setting,
        seen=shard_seen,
        code=code("inspect_videos"),
    script:
        "../workflow_scripts/inspect_videos.py"


rule index_videos:
    input:
        inspected=all_shards("results/{dataset}/inspected/shard{shard}.parquet"),
    output:
        clips="results/{dataset}/clips.parquet",
        warnings="results/{dataset}/warnings.csv",
        rejected=report(
            "results/{dataset}/rejected.csv",
            caption="captions/rejected.rst",
            category="Data",
            labels={"what": "rejected"},
        ),
    log:
        "logs/index_videos/{dataset}.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        labels=labels_of,
        classes=classes_of,
        max_rejected=dataset_setting("max_rejected"),
        warnings=lambda wildcards: [list(warning) for warning in listed(wildcards.dataset).warnings],
        reduced={name: LARGE for name in sorted(DECODED) if "short_side" not in config["modalities"][name]},
        code=code("index_videos"),
    script:
        "../workflow_scripts/index_videos.py"


rule split_videos:
    input:
        clips="results/{dataset}/clips.parquet",
    output:
        subsets="results/{dataset}/split{split}/subsets.parquet",
        leaks="results/{dataset}/split{split}/leaks.csv",
    log:
        "logs/split_videos/{dataset}_split{split}.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        videos=split_members,
        corrections=split_corrections,
        groups=split_groups,
        classes=classes_of,
        setting=split_setting,
        unknown=dataset_setting("unknown"),
        code=code("split_videos"),
    script:
        "../workflow_scripts/split_videos.py"


rule assign_folds:
    input:
        subsets="results/{dataset}/split{split}/subsets.parquet",
    output:
        "results/{dataset}/split{split}/folds.parquet",
    log:
        "logs/assign_folds/{dataset}_split{split}.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        setting=lambda wildcards: {
            "count": config["datasets"][wildcards.dataset]["crossfit"],
            "seed": config["datasets"][wildcards.dataset]["seed"],
        },
        classes=classes_of,
        code=code("assign_folds"),
    script:
        "../workflow_scripts/assign_folds.py"
