"""What the jobs that compute with networks ask for: GPUs or shares of them, cores, memory."""

from functools import lru_cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from ukdlib.machine.gpus import LOOKED_AT, gpu_pool
from ukdlib.settings.config import has_flow, transforms_of

DEVICE = config["run"]["device"]
# jobs run on this machine; on a cluster each gets GPUs of its own
HERE = workflow.resource_settings.nodes is None and not workflow.remote_exec


def found_gpus():
    """How many GPUs this machine has, None where that does not matter."""
    if DEVICE == "cpu" or not HERE:
        return None
    try:
        return len(gpu_pool())
    except RuntimeError as error:
        raise WorkflowError(str(error)) from None


FOUND = found_gpus()
SHARES = config["run"]["together"] if HERE else 1  # of one GPU, what the resource `gpu` counts


def limit_gpus():
    """
    Start no more jobs than find room on the GPUs of this machine; they would wait for one and keep their cores.

    `--resources gpu=2` says how many GPUs may be used, by default all. Snakemake counts in integers, hence in shares.
    """
    given = workflow.global_resources.get("gpu")
    number = getattr(given, "value", given)
    if number and not FOUND and DEVICE == "auto":
        raise WorkflowError(
            f"--resources gpu={number}, but no GPU was found here ({LOOKED_AT}): list the GPUs in "
            "CUDA_VISIBLE_DEVICES (such as 0,1), or omit the option to compute on the CPU"
        )
    if FOUND and number is not None and number > FOUND:
        logger.warning(f"--resources gpu={number}, but this machine has {FOUND}; more jobs would only wait")
    if FOUND:
        number = FOUND if number is None else min(number, FOUND)
        workflow.register_resource("gpu", number * SHARES)
        logger.info(f"GPUs: {number} of {FOUND}, jobs at a time on each: {SHARES}")
    elif DEVICE == "auto":
        logger.info("GPUs: none found, networks compute on the CPU")


if FOUND is not None:
    limit_gpus()


def gpus(wildcards):
    """A share of a GPU, if there is one: one of `run: together`."""
    return int(DEVICE == "cuda" or (DEVICE == "auto" and FOUND != 0))


def whole_gpu(wildcards):
    return gpus(wildcards) * SHARES


def flow_gpus(wildcards):
    """Only one of flow's backends computes on a GPU."""
    return whole_gpu(wildcards) * (modality_setting("backend")(wildcards) == "torch")


def trained_workers(wildcards):
    """Threads that read clips, for each process that computes."""
    return config["recipes"][trained(wildcards)["recipe"]]["workers"]


def trained_cores(wildcards):
    """One for the network, one for each reader: what a cluster is asked for."""
    return 1 + trained_workers(wildcards)


def trained_threads(wildcards):
    """Beside a GPU readers are not counted, or GPUs would be idle for lack of cores that are not."""
    return 1 if gpus(wildcards) else trained_cores(wildcards)


def training_processes(wildcards):
    """One for each GPU that the recipe requests; as many without GPUs."""
    return config["recipes"][trained(wildcards)["recipe"]]["gpus"]


def training_gpus(wildcards):
    """A share of a GPU; several GPUs as a whole."""
    processes = training_processes(wildcards)
    return gpus(wildcards) if processes == 1 else whole_gpu(wildcards) * processes


def training_cores(wildcards):
    return trained_cores(wildcards) * training_processes(wildcards)


def training_threads(wildcards):
    return trained_threads(wildcards) * training_processes(wildcards)


def training_memory(wildcards):
    """Also for the frames that each process keeps."""
    kept = kept_mb(wildcards.dataset, trained(wildcards)["modality"], trained_cache(wildcards))
    return (16000 + kept) * training_processes(wildcards)


def trained_cache(wildcards):
    """Where a training keeps its frames."""
    return config["recipes"][trained(wildcards)["recipe"]]["cache"]


@lru_cache(None)
def kept_mb(dataset, modality, cache):
    """Host memory for the frames that trainings keep, at most, in MB; the plan says it, once the clips have been counted."""
    counted = Path(f"results/{dataset}/clips.parquet")
    if cache == "none" or not counted.exists():
        return 0
    from ukdlib.videos.records import read_records  # with pandas, which a plan mostly does without

    clips = read_records(counted)
    sides = [entry["short_side"] for entry in transforms_of(config, modality) if "short_side" in entry]
    reduced = (min([LARGE, *sides]) / clips[["height", "width"]].min(axis=1)).clip(upper=1) ** 2
    pixels = (clips["num_frames"] * clips["height"] * clips["width"] * reduced).sum()
    mb = 1 + int(pixels * (2 if has_flow(config, modality) else 3) / 1e6)
    logger.info(f"cache: {cache}: the frames of {dataset} as {modality} take up to {mb / 1000:.3f} GB")
    return mb if cache == "memory" else 0
