"""Unlimited knowledge distillation: dark videos -> modalities -> teachers -> fusion -> students -> tables and report."""

from snakemake.utils import min_version

min_version("9.12")


configfile: "config.yaml"


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/scheduling.smk"
include: "rules/inputs/datasets.smk"
include: "rules/inputs/modalities.smk"
include: "rules/inputs/trainings.smk"
include: "rules/inputs/machines.smk"
include: "rules/inputs/tables.smk"
include: "rules/inputs/packages.smk"
include: "rules/inputs/knowledge.smk"
include: "rules/inputs/knowledge_page.smk"
include: "rules/frames.smk"
include: "rules/data.smk"
include: "rules/weights.smk"
include: "rules/teachers.smk"
include: "rules/unlabelled.smk"
include: "rules/fusion.smk"
include: "rules/students.smk"
include: "rules/evaluation.smk"
include: "rules/packages.smk"
include: "rules/statistics.smk"
include: "rules/knowledge.smk"
include: "rules/knowledge_page.smk"
include: "rules/report.smk"
include: "rules/provenance.smk"  # last: gives each rule above a record


# On a cluster these run on the host of Snakemake: they take seconds, queueing takes longer. fetch_weights is here
# because nodes often have no internet access. All other rules request more with each attempt (`growing`).
localrules:
    all,
    verify,
    index_videos,
    index_unlabelled,
    split_videos,
    admit_unlabelled,
    assign_folds,
    weights,
    fetch_weights,
    publish_weights,
    describe_weights,
    import_logits,
    fuse_logits,
    evaluate,
    evaluate_unknown,
    tabulate_unknown,
    package,
    calibrate,
    package_model,
    tabulate_calibration,
    tabulate,
    tabulate_cost,
    knowledge,
    describe_data,
    draw_gallery,
    draw_sheet,
    report,


rule verify:
    """Compare all results with their records, then recompute a sample of every stored logit from checkpoint and frames."""
    input:
        audited,


rule weights:
    """The networks that `publish` names, as files that others can start from."""
    input:
        card_of_weights,


rule package:
    """The networks that `package` names, as folders for `ukd predict`."""
    input:
        models,


rule knowledge:
    """What the teachers of one student know: a page, tables for other tools, suspect labels, what a teacher is worth."""
    input:
        known,
        known_pages,


rule all:
    default_target: True
    input:
        rules.report.output,
