"""The pages that show what teachers know, and the frames that they show of each clip: input functions of the rules."""

from ukdlib.settings.config import has_flow, has_frames

CLIPS_OF_A_PAGE = 6000  # more are spread over several files, each of some 70 MB then


def known_pages(wildcards):
    """knowledge.html, and beside it knowledge_2.html and so on for data sets with more clips."""
    clips = len(listed(DATASET).videos)
    if learns_unlabelled():
        clips += len(unlabelled(DATASET).videos)
    numbers = range(2, 1 + -(-clips // CLIPS_OF_A_PAGE))
    return [
        f"results/{DATASET}/knowledge.html",
        *(f"results/{DATASET}/knowledge_{number}.html" for number in numbers),
    ]


def learns_unlabelled():
    """Whether clips without labels are among those that the student learns from."""
    return bool(config["students"]) and config["students"][KNOWN["student"]]["unlabelled"] > 0


def known_frames(modality):
    """The shards of a modality with all clips of the page; none without a modality."""
    if modality is None:
        return []
    apart = unlabelled_shards(DATASET) if learns_unlabelled() else []
    return [*frames_of(DATASET, modality), *(frames_of(DATASET, modality, tuple(apart)) if apart else [])]


def known_modalities():
    """The modalities of the student and of those of its teachers that are trained here, with all they are made of."""
    if not config["students"]:
        return []
    entries = [config["students"][KNOWN["student"]], *(config["teachers"][name] for name in KNOWN_TEACHERS)]
    used = [entry["modality"] for entry in entries if "modality" in entry]
    return [name for modality in used for name in chain_of(config, modality)]


def pictured():
    """The modality whose stored frames people look at: of the student, or what its flow is of."""
    return next(
        name for name in known_modalities() if has_frames(config, name) and not has_flow(config, name)
    )


def flown():
    """The first modality that is flow; None if nobody sees any."""
    flows = transform_names(config, "tvl1")
    return next((name for name in known_modalities() if name in flows), None)
