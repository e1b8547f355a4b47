"""
Teacher logits to one fused target distribution per video (Eq. 4-12). Takes seconds on a CPU: arms are cheap.

INPUT:   .../teachers/{teacher}/logits/{subset}.parquet        (any number of teachers)
OUTPUT:  .../fusions/{fusion}/logits/{subset}.parquet          (log of the fused distribution, and the weights)
"""


rule fuse_logits:
    input:
        logits=fused_teachers,
    output:
        "results/{dataset}/split{split}/seed{seed}/fusions/{fusion}/logits/{subset}.parquet",
    log:
        "logs/fuse_logits/{dataset}_split{split}_seed{seed}_{fusion}_{subset}.log",
    wildcard_constraints:
        subset="train|val|test|unlabelled|unknown",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        fusion=fusion_setting,
        name="{fusion}",
        code=code("fuse_logits"),
    script:
        "../workflow_scripts/fuse_logits.py"
