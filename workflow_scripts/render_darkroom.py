"""Rule render_darkroom: the synthetic clips of one shard as videos, and a manifest of them."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from pathlib import Path

from ukdlib import darkroom
from ukdlib.artifacts.lineage import begin
from ukdlib.darkroom.clip import difficulty_of, render_clip
from ukdlib.darkroom.manifest import render_all
from ukdlib.machine.compiling import first_alone
from ukdlib.videos.inspection import write_video

job = begin(snakemake.rule, snakemake.params, snakemake.input)
setting = dict(snakemake.params.render)
difficulty = difficulty_of(setting.pop("camera", {}))


def make(name, path):
    frames = render_clip(Path(name).stem, **setting, difficulty=difficulty)
    write_video(path, frames, setting["fps"])
    return frames


key = f"{sorted(snakemake.params.render.items())} {snakemake.params.code}"
make_all = first_alone(make, darkroom.__file__)
render_all(snakemake.params.names, snakemake.output[0], key, snakemake.params.folder, make_all)
job.finish(snakemake.output)
