"""
Videos to frames of every modality, in shards: decoded once, brightened (gamma, Eq. 13), TV-L1 flow of the corrected frames.

INPUT:   results/{dataset}/inspected/shard{shard}.parquet
OUTPUT:  results/{dataset}/frames/{modality}/shard{shard}.arrow
"""

CORRECTIONS = [way for way in TRANSFORM_KEYS if way not in ("none", "tvl1", "moving")]
LARGE = 288  # pixels: the short side to which larger frames are reduced, unless the modality says; no recipe crops more
DECODED = {name for name, entry in config["modalities"].items() if entry["of"] == "video"}


rule decode_videos:
    input:
        inspected="results/{dataset}/inspected/shard{shard}.parquet",
    output:
        "results/{dataset}/frames/{modality}/shard{shard}.arrow",
    log:
        "logs/decode_videos/{dataset}_{modality}_{shard}.log",
    benchmark:
        "results/benchmarks/decode_videos/{dataset}_{modality}_{shard}.tsv"
    wildcard_constraints:
        modality=any_of(DECODED),
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(frame_memory),
        runtime=growing(120, at_most=4),
    params:
        reading=reading_setting,
        transform=modality_setting("transform"),
        options=transform_options,
        short_side=modality_setting("short_side"),
        at_most=LARGE,
        codec=modality_setting("codec"),
        code=code("decode_videos"),
    script:
        "../workflow_scripts/decode_videos.py"


rule correct_frames:
    input:
        frames=source_frames,
    output:
        "results/{dataset}/frames/{modality}/shard{shard}.arrow",
    log:
        "logs/correct_frames/{dataset}_{modality}_{shard}.log",
    benchmark:
        "results/benchmarks/correct_frames/{dataset}_{modality}_{shard}.tsv"
    wildcard_constraints:
        modality=any_of({name for way in CORRECTIONS for name in transform_names(config, way)} - DECODED),
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(frame_memory),
        runtime=growing(120, at_most=4),
    params:
        transform=modality_setting("transform"),
        options=transform_options,
        short_side=modality_setting("short_side"),
        codec=modality_setting("codec"),
        code=code("correct_frames"),
    script:
        "../workflow_scripts/correct_frames.py"


rule compute_flow:
    input:
        frames=source_frames,
    output:
        "results/{dataset}/frames/{modality}/shard{shard}.arrow",
    log:
        "logs/compute_flow/{dataset}_{modality}_{shard}.log",
    benchmark:
        "results/benchmarks/compute_flow/{dataset}_{modality}_{shard}.tsv"
    wildcard_constraints:
        modality=any_of(transform_names(config, "tvl1")),
    conda:
        flow_environment
    resources:
        gpu=flow_gpus,
        mem_mb=growing(4000),
        runtime=growing(720),
    params:
        preset=modality_setting("preset"),
        backend=modality_setting("backend", "numba"),
        device=config["run"]["device"],
        bound=modality_setting("bound"),
        pixels=2**22,  # of a window of frames; a few dozen are in memory where a GPU computes flow
        short_side=modality_setting("short_side"),
        codec=modality_setting("codec"),
        code=code("compute_flow"),
    script:
        "../workflow_scripts/compute_flow.py"
