"""Rule package_model: a trained network as a folder that needs nothing else."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from pathlib import Path

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.sealed_json import read_json
from ukdlib.deploy.packaging import package
from ukdlib.videos.records import read_columns

job = begin(snakemake.rule, snakemake.params, snakemake.input)
params, files = snakemake.params, snakemake.input
rates = [rate for rate in read_columns(files.clips)["fps"].to_pylist() if rate]
stated = {key: params[key] for key in ("name", "dataset", "note", "reading", "licence")}
calibration = read_json(files.calibration) if files.calibration else None
folder = Path(snakemake.output.description).parent
package(folder, files.checkpoint, {**stated, "rates": rates}, (calibration, read_json(files.metrics)))
job.finish(snakemake.output)
