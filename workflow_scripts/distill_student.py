"""Rule distill_student: one network on one modality, trained on labels and stored fused knowledge."""

import sys

sys.stderr = open(snakemake.log[0], "w", buffering=1)

from ukdlib.machine.devices import choose_device, lease_gpus

lease_gpus(snakemake.params.device, snakemake.resources.processes, together=snakemake.resources.together)

from functools import partial

from ukdlib.artifacts.lineage import begin
from ukdlib.artifacts.provenance import resume_key
from ukdlib.frames.store import fingerprint, open_shards
from ukdlib.knowledge.alignment import unknown_sources
from ukdlib.knowledge.targets import read_knowledge
from ukdlib.learning.augment import Modality
from ukdlib.learning.course import Course, complete
from ukdlib.learning.seen import Seen
from ukdlib.learning.training import Lesson, Run
from ukdlib.machine import interruption
from ukdlib.pretrained.start import start_from
from ukdlib.videos.subsets import read_lesson

job = begin(snakemake.rule, snakemake.params, snakemake.input, fingerprint)
interruption.watch()
params, files, resources = snakemake.params, snakemake.input, snakemake.resources
learnt = files.subsets, params.videos, snakemake.wildcards.dataset, files.unlabelled
(video_ids, labels), (shown, held_out) = read_lesson(*learnt)
frames, targets = [*files.frames, *files.unlabelled_frames], [files.target, *files.unlabelled_target]
knowledge = read_knowledge(targets, video_ids, params.classes, params.fusion, params.student)
lesson = Lesson(open_shards(frames), video_ids, labels, Modality(**params.modality), knowledge)
start = partial(start_from, path=files.weights or params.weights_file, settings=params.weights)
history = Seen(shown, unknown_sources(targets)), held_out
course = Course(params.name, params.network, params.recipe, params.classes, params.frames, start, *history)
key = resume_key(frames, dict(params.items()))
run = Run(params.seed, choose_device(params.device), params.state, key, resources.processes)
complete(course, lesson, run, dict(resources.items()), dict(snakemake.output.items()))
job.finish(snakemake.output)
