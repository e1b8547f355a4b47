"""Unlimited knowledge distillation: dark videos -> modalities -> teachers -> fusion -> students -> tables and report."""

from snakemake.utils import min_version

min_version("9.12")


configfile: "config.yaml"


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/frames.smk"
include: "rules/teachers.smk"
include: "rules/fusion.smk"
include: "rules/students.smk"
include: "rules/evaluation.smk"
include: "rules/statistics.smk"
include: "rules/report.smk"


rule verify:
    """Recompute a sample of every stored logit of this run from checkpoint and frames."""
    input:
        verified_files(),


rule all:
    default_target: True
    input:
        rules.report.output,
