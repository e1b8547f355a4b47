"""
Clips without labels: indexed, admitted if they are of no held-out group, and predicted by the teachers.

INPUT:   results/{dataset}/inspected/shard{shard}.parquet      (of the shards after those of the labelled videos)
OUTPUT:  results/{dataset}/unlabelled/clips.parquet, rejected.csv, warnings.csv
         results/{dataset}/split{split}/unlabelled.parquet
         .../{role}/{name}/logits/unlabelled.parquet
"""


use rule index_videos as index_unlabelled with:
    input:
        inspected=lambda wildcards: expand(
            "results/{dataset}/inspected/shard{shard}.parquet",
            dataset=wildcards.dataset,
            shard=unlabelled_shards(wildcards.dataset),
        ),
    output:
        clips="results/{dataset}/unlabelled/clips.parquet",
        warnings="results/{dataset}/unlabelled/warnings.csv",
        rejected="results/{dataset}/unlabelled/rejected.csv",
    log:
        "logs/index_unlabelled/{dataset}.log",
    params:
        labels=no_labels,
        classes=[],
        warnings=unlabelled_warnings,


rule admit_unlabelled:
    input:
        clips="results/{dataset}/unlabelled/clips.parquet",
        subsets="results/{dataset}/split{split}/subsets.parquet",
    output:
        "results/{dataset}/split{split}/unlabelled.parquet",
    log:
        "logs/admit_unlabelled/{dataset}_split{split}.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        groups=lambda wildcards: {
            "stated": unlabelled(wildcards.dataset).groups,
            "pattern": config["datasets"][wildcards.dataset].get("group"),
        },
        code=code("admit_unlabelled"),
    script:
        "../workflow_scripts/admit_unlabelled.py"


use rule export_logits as export_unlabelled with:
    input:
        frames=unlabelled_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
        unlabelled="results/{dataset}/split{split}/unlabelled.parquet",
        checkpoint="results/{dataset}/split{split}/seed{seed}/{role}/{name}/checkpoint.safetensors",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/unlabelled.parquet",
    log:
        "logs/export_unlabelled/{dataset}_split{split}_seed{seed}_{role}_{name}.log",
    benchmark:
        "results/benchmarks/export_unlabelled/{dataset}_split{split}_seed{seed}_{role}_{name}.tsv"
    params:
        videos=None,
        subset="unlabelled",
        origin=unlabelled_origin,


use rule verify_logits as verify_unlabelled with:
    input:
        frames=unlabelled_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
        unlabelled="results/{dataset}/split{split}/unlabelled.parquet",
        checkpoint="results/{dataset}/split{split}/seed{seed}/{role}/{name}/checkpoint.safetensors",
        logits="results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/unlabelled.parquet",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/verified/unlabelled.json",
    log:
        "logs/verify_unlabelled/{dataset}_split{split}_seed{seed}_{role}_{name}.log",
    params:
        videos=None,
        origin=unlabelled_origin,
