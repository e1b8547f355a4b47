"""
Logits to metrics, metrics to the paper's tables.

INPUT:   .../{role}/{name}/logits/{subset}.parquet
OUTPUT:  .../{role}/{name}/metrics/{subset}.json
         results/{dataset}/tables/{table}.csv, .md, .html      (mean over splits and seeds, intervals, the paper's numbers)
"""


rule evaluate:
    input:
        logits="results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/{subset}.parquet",
        subsets="results/{dataset}/split{split}/subsets.parquet",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/metrics/{subset}.json",
    log:
        "logs/evaluate/{dataset}_split{split}_seed{seed}_{role}_{name}_{subset}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        context=lambda wildcards: {
            "dataset": wildcards.dataset,
            "split": int(wildcards.split),
            "seed": int(wildcards.seed),
            "role": wildcards.role,
            "name": wildcards.name,
        },
        code=code("evaluate"),
    script:
        "../workflow_scripts/evaluate.py"


rule evaluate_unknown:
    input:
        known="results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/test.parquet",
        unknown="results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/unknown.parquet",
        subsets="results/{dataset}/split{split}/subsets.parquet",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/unknown.json",
    log:
        "logs/evaluate_unknown/{dataset}_split{split}_seed{seed}_{role}_{name}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("evaluate_unknown"),
    script:
        "../workflow_scripts/evaluate_unknown.py"


rule tabulate_unknown:
    input:
        every_file(rows_of_run(), "unknown.json"),
    output:
        csv="results/{dataset}/tables/unknown.csv",
        html=report(
            "results/{dataset}/tables/unknown.html",
            caption="captions/unknown.rst",
            category="Tables",
            labels={"table": "unknown"},
        ),
    log:
        "logs/tabulate_unknown/{dataset}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        labels=list(rows_of_run()),
        caption=lambda wildcards: f"Unknown actions: {', '.join(dataset_setting('unknown')(wildcards))}",
        note=dataset_setting("note"),
        code=code("tabulate_unknown"),
    script:
        "../workflow_scripts/tabulate_unknown.py"


rule tabulate:
    input:
        metrics=table_files(METRICS),
        logits=table_files(LOGITS),
        histories=table_files(HISTORY, table_trained),
    output:
        csv="results/{dataset}/tables/{table}.csv",
        md="results/{dataset}/tables/{table}.md",
        html=report(
            "results/{dataset}/tables/{table}.html",
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        "logs/tabulate/{dataset}_{table}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        rows=lambda wildcards: list(table_rows(wildcards).items()),  # lists: their order counts
        trained=lambda wildcards: list(table_trained(wildcards).items()),
        baseline=lookup(dpath="tables/{table}/baseline", within=config),
        paper=lambda wildcards: paper_of(wildcards.table),
        steps=lookup(dpath="tables/{table}/steps", within=config),
        caption=lookup(dpath="tables/{table}/caption", within=config),
        note=dataset_setting("note"),
        pretraining=pretraining,
        code=code("tabulate"),
    script:
        "../workflow_scripts/tabulate.py"


rule tabulate_cost:
    input:
        "results/{dataset}/cost.csv",
    output:
        csv="results/{dataset}/tables/cost.csv",
        html=report(
            "results/{dataset}/tables/cost.html",
            caption="captions/cost.rst",
            category="Tables",
            labels={"table": "cost"},
        ),
    log:
        "logs/tabulate_cost/{dataset}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        caption=as_is(config["cost"]["caption"]),
        note=dataset_setting("note"),
        code=code("tabulate_cost"),
    script:
        "../workflow_scripts/tabulate_cost.py"
