"""
Figures, and the report: everything in one file that opens offline.

INPUT:   metrics, logits, histories, fusions, cost and frames of what the tables name
OUTPUT:  results/{dataset}/figures/*.svg|png, results/report.html
"""

UNKNOWN = config["datasets"][DATASET]["unknown"]
TABLES = [
    *config["run"]["tables"],
    "cost",
    *(["calibration"] if CALIBRATED else []),
    *(["unknown"] if UNKNOWN else []),
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
SWEPT = {
    title: table for table, title in config["figures"]["sweeps"].items() if table in config["run"]["tables"]
}
LADDERS = [name for name in config["run"]["tables"] if config["tables"][name]["steps"]]
INDEXED = ["", "unlabelled/"] if learnt_unlabelled() else [""]  # folders of what was rejected
FIGURES = {  # name -> label -> the files shown; how they are read and drawn: ukdlib.results.figures.catalogue
    "ladder": {name: [f"results/{DATASET}/tables/{name}.csv"] for name in LADDERS},
    "accuracy": files_of(rows_of_run(), METRICS),
    "curves": files_of(trained_rows(), HISTORY),
    "cost": {"cost": [f"results/{DATASET}/cost.csv"]},
    "weights": files_of(FUSED, LOGITS, "train"),
    "confusion": files_of(COMPARED, METRICS),
    "classes": files_of(COMPARED, METRICS),
    "reliability": files_of(COMPARED, LOGITS),
    "risk": CALIBRATED,
    "confidence": files_of(CROSSFITTED, LOGITS, ["train", "out_of_fold"]),
    "sweeps": {title: [f"results/{DATASET}/tables/{table}.csv"] for title, table in SWEPT.items()},
}
DRAWN = {name: files for name, files in FIGURES.items() if files}  # not those that would show nothing


rule draw_figures:
    input:
        **{name: in_one_list(files) for name, files in DRAWN.items()},
    output:
        **{name: figure(f"{name}.svg") for name in DRAWN},
    log:
        "logs/draw_figures.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),  # logits of all fusions at once, then of all teachers
        runtime=growing(30, at_most=4),
    params:
        labels={name: list(files) for name, files in DRAWN.items()},
        extras={
            "ladder": {"titles": {name: config["tables"][name]["caption"] for name in LADDERS}},
            "accuracy": {"paper": published()},
            "sweeps": {"baselines": {title: config["tables"][SWEPT[title]]["baseline"] for title in SWEPT}},
        },
        note=as_is(NOTE),
        code=code("draw_figures"),
    script:
        "../workflow_scripts/draw_figures.py"


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
        classes=as_is(listed(DATASET).classes),
        bound=config["modalities"]["flow"]["bound"],
        per_class=1,
        note=as_is(NOTE),
        code=code("draw_gallery"),
    script:
        "../workflow_scripts/draw_gallery.py"


rule report:
    input:
        tables=expand("results/{dataset}/tables/{table}.html", dataset=DATASET, table=TABLES),
        figures=[*rules.draw_figures.output, *rules.draw_gallery.output],
        data_tables=expand(
            f"results/{DATASET}/tables/data_{{table}}.html", table=["clips", "measures", "metadata"]
        ),
        data_figures=expand(f"results/{DATASET}/figures/{{figure}}", figure=["data.svg", "modalities.png"]),
        rejected=[f"results/{DATASET}/{folder}rejected.csv" for folder in INDEXED],
        warnings=[f"results/{DATASET}/{folder}warnings.csv" for folder in INDEXED],
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
        note=as_is(NOTE),
        captions={path.stem: path.read_text() for path in sorted((ROOT / "rules/captions").glob("*.rst"))},
        config=config_of_results(),
        code=code("report"),
    script:
        "../workflow_scripts/report.py"
