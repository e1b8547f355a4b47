"""
What the teachers of one student know of each clip (`snakemake knowledge`).

INPUT:   .../{teachers,fusions,students}/{name}/logits/{subset}.parquet, of teachers out of fold too
OUTPUT:  results/{dataset}/knowledge.parquet                   (one row for each clip, view and predictor; docs/knowledge.md)
"""


rule gather_knowledge:
    input:
        logits=known_logits,
        groups=known_groups,
    output:
        "results/{dataset}/knowledge.parquet",
    log:
        "logs/gather_knowledge/{dataset}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),  # all rows at once
        runtime=growing(30, at_most=4),
    params:
        sources=known_sources,
        splits=splits_of_groups,
        fusion=config["fusions"][KNOWN_FUSION],
        metadata=lambda wildcards: {
            "dataset": wildcards.dataset,
            "note": config["datasets"][wildcards.dataset]["note"],
            "classes": classes_of(wildcards),
            "fusion": KNOWN_FUSION,
            "student": KNOWN["student"],
            "teachers": KNOWN_TEACHERS,
            "tau": config["fusions"][KNOWN_FUSION]["tau"],
            "out_of_fold": bool(FOLDED),
        },
        code=code("gather_knowledge"),
    script:
        "../workflow_scripts/gather_knowledge.py"


# ---------------------------------------------------------------- labels that are probably wrong


rule find_suspects:
    input:
        logits=run_logits(HELD_OUT),
        groups=known_groups,
    output:
        suspects="results/{dataset}/suspects.csv",
        pairs="results/{dataset}/knowledge/label_pairs.csv",
    log:
        "logs/find_suspects/{dataset}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30, at_most=4),
    params:
        teachers=list(HELD_OUT),
        splits=splits_of_groups,
        code=code("find_suspects"),
    script:
        "../workflow_scripts/find_suspects.py"


rule score_planted:
    input:
        held_out=run_logits(HELD_OUT),
        in_sample=run_logits(dict.fromkeys(HELD_OUT, "train")),
    output:
        "results/{dataset}/knowledge/planted.csv",
    log:
        "logs/score_planted/{dataset}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30, at_most=4),
    params:
        teachers=list(HELD_OUT),
        planted=planted_runs,
        labels=labels_of,
        code=code("score_planted"),
    script:
        "../workflow_scripts/score_planted.py"


# ---------------------------------------------------------------- what a teacher is worth


rule tabulate_worth:
    input:
        logits=run_logits(HELD_OUT),
        groups=known_groups,
        metrics=lambda wildcards: every_file({name: f"students/{name}" for name in students_alike()}, METRICS),
    output:
        worth="results/{dataset}/knowledge/worth.csv",
        curve="results/{dataset}/knowledge/curve.csv",
        students="results/{dataset}/knowledge/students.csv",
        worth_figure="results/{dataset}/knowledge/worth.svg",
        curve_figure="results/{dataset}/knowledge/curve.svg",
    log:
        "logs/tabulate_worth/{dataset}.log",
    benchmark:
        "results/benchmarks/tabulate_worth/{dataset}.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60, at_most=4),
    params:
        teachers=list(HELD_OUT),
        splits=splits_of_groups,
        fusion=fused_as(config["fusions"][KNOWN_FUSION]),
        taus=[1.0, config["fusions"][KNOWN_FUSION]["tau"]],
        prices=price_files,
        students=known_students,
        runs=len(runs_of()),
        note=dataset_setting("note"),
        code=code("tabulate_worth"),
    script:
        "../workflow_scripts/tabulate_worth.py"
