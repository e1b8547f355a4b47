"""
Figures, and the report: everything in one file that opens offline.

INPUT:   metrics, logits, histories, fusions, cost and frames of what the tables name
OUTPUT:  results/{dataset}/figures/*.svg|png, results/report.html
"""

TABLES = [*config["run"]["tables"], "cost"]
FIGURES = [
    "accuracy.svg",
    "curves.svg",
    "cost.svg",
    "weights.svg",
    "confusion.svg",
    "classes.svg",
    "reliability.svg",
]
COMPARED = config["figures"]["compare"]
FUSED = {name: f"fusions/{name}" for name in config["figures"]["weights"]}
CROSSFITTED = {
    teacher: f"teachers/{teacher}"
    for teacher in sorted(config["teachers"])
    for name in FUSED
    if teacher in config["fusions"][name]["teachers"]
    and config["fusions"][name]["out_of_fold"]
    and teacher not in FOREIGN
}
SWEEPS = [name for name in config["figures"]["sweeps"] if name in config["run"]["tables"]]
FIGURES += ["confidence.svg"] * bool(CROSSFITTED) + ["sweeps.svg"] * bool(SWEEPS)


rule plot_accuracy:
    input:
        every_file(rows_of_run(), METRICS),
    output:
        figure("accuracy.svg"),
    log:
        "logs/plot_accuracy.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        rows=rows_of_run(),
        paper=published(),
        note=NOTE,
        code=code("plot_accuracy"),
    script:
        "../workflow_scripts/plot_accuracy.py"


rule plot_curves:
    input:
        every_file(trained_rows(), HISTORY),
    output:
        figure("curves.svg"),
    log:
        "logs/plot_curves.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        rows=trained_rows(),
        note=NOTE,
        code=code("plot_curves"),
    script:
        "../workflow_scripts/plot_curves.py"


rule plot_cost:
    input:
        f"results/{DATASET}/cost.csv",
    output:
        figure("cost.svg"),
    log:
        "logs/plot_cost.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        note=NOTE,
        code=code("plot_cost"),
    script:
        "../workflow_scripts/plot_cost.py"


rule plot_weights:
    input:
        every_file(FUSED, "logits/train.parquet"),
    output:
        figure("weights.svg"),
    log:
        "logs/plot_weights.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),  # logits of all fusions at once
        runtime=growing(30, at_most=4),
    params:
        rows=FUSED,
        note=NOTE,
        code=code("plot_weights"),
    script:
        "../workflow_scripts/plot_weights.py"


rule plot_confidence:
    input:
        in_sample=every_file(CROSSFITTED, "logits/train.parquet"),
        out_of_fold=every_file(CROSSFITTED, "logits/out_of_fold.parquet"),
    output:
        figure("confidence.svg"),
    log:
        "logs/plot_confidence.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),  # logits of all teachers at once
        runtime=growing(30, at_most=4),
    params:
        rows=CROSSFITTED,
        note=NOTE,
        code=code("plot_confidence"),
    script:
        "../workflow_scripts/plot_confidence.py"


rule plot_sweeps:
    input:
        expand(f"results/{DATASET}/tables/{{table}}.csv", table=SWEEPS),
    output:
        figure("sweeps.svg"),
    log:
        "logs/plot_sweeps.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        baselines={config["figures"]["sweeps"][name]: config["tables"][name]["baseline"] for name in SWEEPS},
        note=NOTE,
        code=code("plot_sweeps"),
    script:
        "../workflow_scripts/plot_sweeps.py"


rule plot_confusion:
    input:
        every_file(COMPARED, METRICS),
    output:
        figure("confusion.svg"),
    log:
        "logs/plot_confusion.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        rows=COMPARED,
        note=NOTE,
        code=code("plot_confusion"),
    script:
        "../workflow_scripts/plot_confusion.py"


rule plot_classes:
    input:
        every_file(COMPARED, METRICS),
    output:
        figure("classes.svg"),
    log:
        "logs/plot_classes.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        rows=COMPARED,
        note=NOTE,
        code=code("plot_classes"),
    script:
        "../workflow_scripts/plot_classes.py"


rule plot_reliability:
    input:
        every_file(COMPARED, LOGITS),
    output:
        figure("reliability.svg"),
    log:
        "logs/plot_reliability.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        rows=COMPARED,
        note=NOTE,
        code=code("plot_reliability"),
    script:
        "../workflow_scripts/plot_reliability.py"


rule draw_gallery:
    input:
        dark=frames_of(DATASET, "dark"),
        rgb=frames_of(DATASET, "rgb"),
        flow=frames_of(DATASET, "flow"),
        subsets=FIRST_SUBSETS,
    output:
        figure("gallery.png"),
    log:
        "logs/draw_gallery.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        classes=listed(DATASET).classes,
        bound=config["modalities"]["flow"]["bound"],
        per_class=1,
        note=NOTE,
        code=code("draw_gallery"),
    script:
        "../workflow_scripts/draw_gallery.py"


rule report:
    input:
        tables=expand("results/{dataset}/tables/{table}.html", dataset=DATASET, table=TABLES),
        figures=expand(
            "results/{dataset}/figures/{figure}", dataset=DATASET, figure=[*FIGURES, "gallery.png"]
        ),
        data_tables=expand(f"results/{DATASET}/tables/data_{{table}}.html", table=["clips", "measures"]),
        data_figures=expand(f"results/{DATASET}/figures/{{figure}}", figure=["data.svg", "modalities.png"]),
        rejected=f"results/{DATASET}/rejected.csv",
        warnings=f"results/{DATASET}/warnings.csv",
        leaks=expand(f"results/{DATASET}/split{{split}}/leaks.csv", split=config["run"]["splits"]),
    output:
        "results/report.html",
    log:
        "logs/report.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        template=lambda _: (ROOT / "ukdlib/results/report.html.j2").read_text(),  # a function, so that its braces are not taken for wildcards
        title=f"Unlimited knowledge distillation on {DATASET.capitalize()}",
        note=NOTE,
        captions={path.stem: path.read_text() for path in sorted((ROOT / "rules/captions").glob("*.rst"))},
        config={**config, "recipes": {name: recipe_named(name) for name in config["recipes"]}},
        code=code("report"),
    script:
        "../workflow_scripts/report.py"
