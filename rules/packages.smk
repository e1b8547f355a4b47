"""
Trained networks as folders that can be used without the workflow (`ukd predict`), calibrated on validation clips.

INPUT:   .../{role}/{name}/checkpoint.safetensors, logits/val.parquet, logits/test.parquet, metrics/test.json
OUTPUT:  .../{role}/{name}/calibration.json
         results/{dataset}/models/{model}/model.safetensors, model.json, README.md, model.onnx, onnx.json
"""


rule calibrate:
    input:
        val=validation_logits,
        test="results/{dataset}/split{split}/seed{seed}/{role}/{name}/logits/test.parquet",
    output:
        "results/{dataset}/split{split}/seed{seed}/{role}/{name}/calibration.json",
    log:
        "logs/calibrate/{dataset}_split{split}_seed{seed}_{role}_{name}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("calibrate"),
    script:
        "../workflow_scripts/calibrate.py"


rule package_model:
    input:
        checkpoint=packaged("checkpoint.safetensors"),
        calibration=packaged_calibration,
        metrics=packaged("metrics/test.json"),
        clips="results/{dataset}/clips.parquet",
    output:
        weights="results/{dataset}/models/{model}/model.safetensors",
        description="results/{dataset}/models/{model}/model.json",
        card="results/{dataset}/models/{model}/README.md",
    log:
        "logs/package_model/{dataset}_{model}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        name="{model}",
        dataset="{dataset}",
        note=dataset_setting("note"),
        reading=reading_setting,
        licence=packaged_licence,
        code=code("package_model"),
    script:
        "../workflow_scripts/package_model.py"


rule export_onnx:
    input:
        weights="results/{dataset}/models/{model}/model.safetensors",
        description="results/{dataset}/models/{model}/model.json",
        frames=trained_frames,
        subsets=FIRST_SUBSETS,
    output:
        graph="results/{dataset}/models/{model}/model.onnx",
        facts="results/{dataset}/models/{model}/onnx.json",
    log:
        "logs/export_onnx/{dataset}_{model}.log",
    benchmark:
        "results/benchmarks/export_onnx/{dataset}_{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        clips=7,  # test clips on which graph and network are compared
        code=network_code("export_onnx"),
    script:
        "../workflow_scripts/export_onnx.py"


rule tabulate_calibration:
    input:
        in_one_list(CALIBRATED),
    output:
        csv="results/{dataset}/tables/calibration.csv",
        html=report(
            "results/{dataset}/tables/calibration.html",
            caption="captions/calibration.rst",
            category="Tables",
            labels={"table": "calibration"},
        ),
    log:
        "logs/tabulate_calibration/{dataset}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=list(CALIBRATED),
        note=dataset_setting("note"),
        code=code("tabulate_calibration"),
    script:
        "../workflow_scripts/tabulate_calibration.py"
