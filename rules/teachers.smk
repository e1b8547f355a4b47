"""
One network per teacher, each trained on its own, and the logits of whatever was trained.

INPUT:   results/{dataset}/frames/{modality}/, results/{dataset}/split{split}/subsets.parquet
OUTPUT:  .../teachers/{teacher}/checkpoint.safetensors, history.csv
         .../{role}/{name}/logits/{subset}.parquet             (teachers and students alike)
"""


rule train_teacher:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
    output:
        checkpoint="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/checkpoint.safetensors",
        history="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/history.csv",
    log:
        "logs/train_teacher/{dataset}_split{split}_seed{seed}_{teacher}.log",
    benchmark:
        "results/benchmarks/train_teacher/{dataset}_split{split}_seed{seed}_{teacher}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: trained_threads
    resources:
        gpu=gpus,
        mem_mb=16000,
        runtime=720,
    params:
        network=trained_network,
        modality=trained_modality,
        recipe=trained_recipe,
        classes=classes_of,
        seed=lambda wildcards: int(wildcards.seed),
        device=config["run"]["device"],
        state="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/resume.pt",
        code=code("train_teacher"),
    script:
        "../workflow_scripts/train_teacher.py"


rule export_logits:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
        checkpoint="results/{dataset}/split{split}/seed{seed}/{role}/{name}/checkpoint.safetensors",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/{subset}.parquet",
    log:
        "logs/export_logits/{dataset}_split{split}_seed{seed}_{role}_{name}_{subset}.log",
    benchmark:
        "results/benchmarks/export_logits/{dataset}_split{split}_seed{seed}_{role}_{name}_{subset}.tsv"
    wildcard_constraints:
        role="teachers|students",
    conda:
        "../envs/torch.yaml"
    threads: trained_threads
    resources:
        gpu=gpus,
        mem_mb=16000,
        runtime=120,
    params:
        network=trained_network,
        modality=trained_modality,
        recipe=trained_recipe,
        classes=classes_of,
        seed=lambda wildcards: int(wildcards.seed),
        device=config["run"]["device"],
        subset="{subset}",
        code=code("export_logits"),
    script:
        "../workflow_scripts/export_logits.py"
