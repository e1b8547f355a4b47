"""
Figures, and the report that shows everything offline in one file.

INPUT:   metrics, logits, histories, fusions, cost and frames of what the tables name
OUTPUT:  results/{dataset}/figures/*.svg|png, results/report.html
"""

DATASET = config["run"]["dataset"]
FIGURES = f"results/{DATASET}/figures"


rule plot_accuracy:
    input:
        metrics=results_of("metrics/test.json", all_rows()),
    output:
        report(f"{FIGURES}/accuracy.svg", caption="captions/accuracy.rst", category="Figures", labels={"figure": "accuracy"}),
    log:
        "logs/plot_accuracy.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        files={label: results_of("metrics/test.json", {label: member}) for label, member in all_rows().items()},
        paper=published(),
        note=config["datasets"][DATASET]["note"],
        code=code("plot_accuracy"),
    script:
        "../workflow_scripts/plot_accuracy.py"
