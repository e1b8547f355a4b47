"""The networks that are packaged, and what is known of them: input and params functions of the rules."""

from snakemake.exceptions import WorkflowError

PACKAGED = config["package"]["models"]  # model -> role/name


def packaged(file):
    """Input function: a file of the network that becomes wildcards.model, trained with the run's first split and seed."""
    return lambda wildcards: f"{FIRST_RUN}/{PACKAGED[wildcards.model]}/{file}"


def validated():
    """Whether the run's data set has validation clips."""
    entry = config["datasets"][DATASET]
    return entry["validation"] > 0 or "val" in entry["splits"][config["run"]["splits"][0]]


def validation_logits(wildcards):
    """Of the validation clips, by which a network is calibrated."""
    if not validated():
        raise WorkflowError(
            f"config.yaml: datasets.{DATASET} has no validation clips, by which a network is calibrated; set `validation` "
            "to a share of the training clips, or give a split a list `val`"
        )
    return f"{RUN}/{wildcards.role}/{wildcards.name}/logits/val.parquet".format(**wildcards)


def packaged_calibration(wildcards):
    return packaged("calibration.json")(wildcards) if validated() else []


def packaged_licence(wildcards):
    """Of networks that started from nothing, or from this project's weights, the project's own."""
    start = entry_of(PACKAGED[wildcards.model]).get("weights")
    own = start is None or config["weights"][start].get("file", "").startswith("weights/")
    return "apache-2.0" if own else "other"


def models(wildcards):
    """All files of all models."""
    if unknown := config["datasets"][DATASET]["unknown"]:
        raise WorkflowError(
            f"config.yaml: datasets.{DATASET}.unknown leaves {', '.join(unknown)} out of every training; a model of it would "
            "have classes that it does not know; package those of a data set without `unknown`"
        )
    graph = ["model.onnx", "onnx.json"] if config["package"]["onnx"] else []
    files = ["model.safetensors", "model.json", "README.md", *graph]
    return [f"results/{DATASET}/models/{model}/{file}" for model in PACKAGED for file in files]


# the packaged networks that the run's tables have, too: model -> its calibration; the report shows them
CALIBRATED = {
    model: [f"{FIRST_RUN}/{row}/calibration.json"]
    for model, row in PACKAGED.items()
    if validated() and row in rows_of_run().values() and not config["datasets"][DATASET]["unknown"]
}
