"""
Weights that trainings start from: fetched, or trained here in good light and published.

OUTPUT:  results/weights/{weights}                            (published by others)
         results/{dataset}/weights/{teacher}.safetensors, SHA256SUMS, README.md
"""

PUBLISHED = config.get("publish", {}).get("teachers", [])


rule fetch_weights:
    output:
        "results/weights/{weights}",
    log:
        "logs/fetch_weights/{weights}.log",
    wildcard_constraints:
        weights=any_of(fetched_weights(config)),
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        place="weights.{weights}",
        source=lambda wildcards: config["weights"][wildcards.weights],
        code=code("fetch_weights"),
    script:
        "../workflow_scripts/fetch_weights.py"


rule publish_weights:
    input:
        checkpoint=f"{FIRST_RUN}/teachers/{{teacher}}/checkpoint.safetensors",
    output:
        f"results/{DATASET}/weights/{{teacher}}.safetensors",
    log:
        "logs/publish_weights/{teacher}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("publish_weights"),
    script:
        "../workflow_scripts/publish_weights.py"


rule describe_weights:
    input:
        weights=expand(f"results/{DATASET}/weights/{{teacher}}.safetensors", teacher=PUBLISHED),
        metrics=expand(f"{FIRST_RUN}/teachers/{{teacher}}/metrics/test.json", teacher=PUBLISHED),
    output:
        card=f"results/{DATASET}/weights/README.md",
        sums=f"results/{DATASET}/weights/SHA256SUMS",
    log:
        "logs/describe_weights.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        words=as_is({key: config.get("publish", {}).get(key) for key in ("title", "note", "command", "use")}),
        code=code("describe_weights"),
    script:
        "../workflow_scripts/describe_weights.py"
