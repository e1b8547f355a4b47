"""
One network per teacher, each trained separately, and the logits of all trained networks.

INPUT:   results/{dataset}/frames/{modality}/, results/{dataset}/split{split}/subsets.parquet
OUTPUT:  .../teachers/{teacher}/checkpoint.safetensors, history.csv
         .../{role}/{name}/logits/{subset}.parquet             (of teachers and students)
         .../teachers/{teacher}/logits/out_of_fold.parquet     (training videos, each predicted by a network not trained on it)
"""


rule train_teacher:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
        weights=trained_weights,
    output:
        checkpoint="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/checkpoint.safetensors",
        history="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/history.csv",
    log:
        "logs/train_teacher/{dataset}_split{split}_seed{seed}_{teacher}.log",
    benchmark:
        "results/benchmarks/train_teacher/{dataset}_split{split}_seed{seed}_{teacher}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
        together=SHARES,
        cpus_per_task=training_cores,
        nodes=1,
        processes=training_processes,
        workers=trained_workers,
        cache=trained_cache,
        mem_mb=growing(training_memory),
        runtime=growing(720),
    params:
        name="teachers.{teacher}",
        network=trained_network,
        source=trained_source,
        weights=weights_setting,
        weights_file=own_weights,
        modality=trained_modality,
        frames=trained_chain,
        recipe=trained_recipe,
        classes=classes_of,
        videos=[("subset", "==", "train")],
        seed=lambda wildcards: int(wildcards.seed),
        device=config["run"]["device"],
        state="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/resume.pt",
        code=network_code("train_teacher"),
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
        name=any_of({*config["teachers"], *config["students"]} - set(FOREIGN)),
    conda:
        "../envs/torch.yaml"
    threads: trained_threads
    resources:
        gpu=gpus,
        together=SHARES,
        cpus_per_task=trained_cores,
        workers=trained_workers,
        mem_mb=growing(16000),
        runtime=growing(120, at_most=4),
    params:
        expected=expected_network,
        source=trained_source,
        trained_on=[("subset", "==", "train")],
        videos=lambda wildcards: [("subset", "==", wildcards.subset)],
        subset="{subset}",
        origin=trained_origin,
        device=config["run"]["device"],
        code=network_code("export_logits"),
    script:
        "../workflow_scripts/export_logits.py"


rule verify_logits:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
        checkpoint="results/{dataset}/split{split}/seed{seed}/{role}/{name}/checkpoint.safetensors",
        logits="results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/{subset}.parquet",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/verified/{subset}.json",
    log:
        "logs/verify_logits/{dataset}_split{split}_seed{seed}_{role}_{name}_{subset}.log",
    wildcard_constraints:
        role="teachers|students",
        name=any_of({*config["teachers"], *config["students"]} - set(FOREIGN)),
    conda:
        "../envs/torch.yaml"
    threads: trained_threads
    resources:
        gpu=gpus,
        together=SHARES,
        cpus_per_task=trained_cores,
        workers=trained_workers,
        mem_mb=growing(8000),
        runtime=growing(30, at_most=4),
    params:
        expected=expected_network,
        trained_on=[("subset", "==", "train")],
        videos=lambda wildcards: [("subset", "==", wildcards.subset)],
        rows=32,
        origin=trained_origin,
        device=config["run"]["device"],
        code=network_code("verify_logits"),
    script:
        "../workflow_scripts/verify_logits.py"


# ---------------------------------------------------------------- out of fold: a network for each fold of the training videos


use rule train_teacher as train_fold with:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/folds.parquet",
        weights=trained_weights,
    output:
        checkpoint="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/checkpoint.safetensors",
        history="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/history.csv",
    log:
        "logs/train_fold/{dataset}_split{split}_seed{seed}_{teacher}_fold{fold}.log",
    benchmark:
        "results/benchmarks/train_fold/{dataset}_split{split}_seed{seed}_{teacher}_fold{fold}.tsv"
    params:
        videos=lambda wildcards: [("fold", "!=", int(wildcards.fold))],
        state="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/resume.pt",


use rule export_logits as export_fold with:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/folds.parquet",
        checkpoint="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/checkpoint.safetensors",
    output:
        "results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/logits/held_out.parquet",
    log:
        "logs/export_fold/{dataset}_split{split}_seed{seed}_{teacher}_fold{fold}.log",
    benchmark:
        "results/benchmarks/export_fold/{dataset}_split{split}_seed{seed}_{teacher}_fold{fold}.tsv"
    params:
        trained_on=lambda wildcards: [("fold", "!=", int(wildcards.fold))],
        videos=lambda wildcards: [("fold", "==", int(wildcards.fold))],
        subset="train",


use rule verify_logits as verify_fold with:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/folds.parquet",
        checkpoint="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/checkpoint.safetensors",
        logits="results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/logits/held_out.parquet",
    output:
        "results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/fold{fold}/verified/held_out.json",
    log:
        "logs/verify_fold/{dataset}_split{split}_seed{seed}_{teacher}_fold{fold}.log",
    params:
        trained_on=lambda wildcards: [("fold", "!=", int(wildcards.fold))],
        videos=lambda wildcards: [("fold", "==", int(wildcards.fold))],


rule gather_folds:
    input:
        logits=lambda wildcards: expand(
            f"{RUN}/teachers/{{teacher}}/fold{{fold}}/logits/held_out.parquet",
            fold=range(config["datasets"][wildcards.dataset]["crossfit"]),
            **wildcards,
        ),
    output:
        "results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/logits/out_of_fold.parquet",
    log:
        "logs/gather_folds/{dataset}_split{split}_seed{seed}_{teacher}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=growing(2000),  # twice the need of a million rows
        runtime=growing(30, at_most=4),
    params:
        code=code("gather_folds"),
    script:
        "../workflow_scripts/gather_folds.py"


# ---------------------------------------------------------------- external teachers: a file of logits


rule import_logits:
    input:
        file=lambda wildcards: made(foreign_path(wildcards)) or watched(foreign_file(wildcards)),
        subsets=listing_of,
    output:
        "results/{dataset}/split{split}/seed{seed}/teachers/{teacher}/logits/{subset}.parquet",
    log:
        "logs/import_logits/{dataset}_split{split}_seed{seed}_{teacher}_{subset}.log",
    wildcard_constraints:
        teacher=any_of(FOREIGN),
        subset="train|val|test|unlabelled|unknown",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        classes=classes_of,
        file=foreign_file,
        seen=lambda wildcards: seen(foreign_file(wildcards)),
        subset="{subset}",
        views=foreign_views,
        origin=lambda wildcards: {
            "role": "teachers",
            "name": wildcards.teacher,
            "subset": wildcards.subset,
            "unknown": json.dumps([f"logits of {wildcards.teacher}"]),
            "unseen": str(config["teachers"][wildcards.teacher].get("unseen", False)).lower(),
        },
        code=code("import_logits"),
    script:
        "../workflow_scripts/import_logits.py"
