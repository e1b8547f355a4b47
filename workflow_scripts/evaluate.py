"""Rule evaluate: metrics of one file of logits as JSON, with what the rule knows about the run."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

import json
from pathlib import Path

from ukdlib.logits import read_logits
from ukdlib.metrics import evaluate
from ukdlib.sealing import put_in_place

rows = read_logits(snakemake.input.logits)
metrics = evaluate(rows.video_ids, rows.labels, rows.logits, rows.classes)
part = Path(f"{snakemake.output[0]}.part")
part.write_text(json.dumps({**snakemake.params.context, "source": rows.metadata, **metrics}, indent=1))
put_in_place(part, snakemake.output[0])
