"""Rule distill_student: one network on one modality, taught by labels and by stored fused knowledge."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device, snakemake.resources.processes)

from ukdlib import interruption
from ukdlib.augment import Modality
from ukdlib.checkpoints import save_checkpoint
from ukdlib.crossfit import videos_hash
from ukdlib.frames import open_shards
from ukdlib.knowledge import read_knowledge
from ukdlib.networks import check_network, initial_network
from ukdlib.pretrained.start import start_from
from ukdlib.provenance import resume_key
from ukdlib.resuming import discard_state
from ukdlib.subsets import read_videos
from ukdlib.training import Lesson, Run, fit, write_history

interruption.watch()
params = snakemake.params
modality = Modality(**params.modality)
video_ids, labels = read_videos(snakemake.input.subsets, [("subset", "==", "train")])
knowledge = read_knowledge(snakemake.input.target, video_ids, params.classes, params.fusion, params.student)
lesson = Lesson(open_shards(snakemake.input.frames), video_ids, labels, modality, knowledge)
network = initial_network(params.network, len(params.classes), modality.channels, params.seed)
check_network(network, modality.channels, params.recipe, len(params.classes), params.name)
start = start_from(network, snakemake.input.weights, params.weights, params.classes)
key = resume_key(snakemake.input.frames, {**params, "start": start})
run = Run(params.seed, choose_device(params.device), params.state, key, snakemake.resources.processes)
recipe = {**params.recipe, "workers": snakemake.resources.workers}
write_history(snakemake.output.history, fit(network, lesson, recipe, run))
settings = {name: params[name] for name in ("network", "modality", "recipe", "classes", "seed")}
settings |= {"in_channels": modality.channels, "start": start, "trained_on": videos_hash(video_ids)}
save_checkpoint(snakemake.output.checkpoint, network, settings)
discard_state(params.state)
