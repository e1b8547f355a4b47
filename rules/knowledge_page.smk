"""
The knowledge page: every clip with what each teacher says of it, its weight, the fused target and the student's answer.

INPUT:   results/{dataset}/knowledge.parquet, frames that people can look at, flow where the run has it
OUTPUT:  results/{dataset}/knowledge.html                      (and knowledge_2.html ... beyond some thousand clips)
"""


rule draw_knowledge_page:
    input:
        facts=f"results/{DATASET}/knowledge.parquet",
        pictures=lambda _: known_frames(pictured()),
        flow=lambda _: known_frames(flown()),
    output:
        pages=known_pages(None),
    log:
        "logs/draw_knowledge_page.log",
    benchmark:
        "results/benchmarks/draw_knowledge_page/knowledge.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(8000),  # all facts at once, and a page
        runtime=growing(60, at_most=4),
    params:
        split=config["run"]["splits"][0],
        seed=config["run"]["seeds"][0],
        bound=lambda _: bound_of(flown()) if flown() else None,
        code=code("draw_knowledge_page"),
    script:
        "../workflow_scripts/draw_knowledge_page.py"
