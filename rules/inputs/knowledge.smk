"""The student whose knowledge is looked at, its fusion and teachers: input and params functions of the rules."""

import itertools

from snakemake.exceptions import WorkflowError

# of a configuration without `knowledge` any student, so that there are rules
KNOWN = config.get("knowledge", {"student": config["cost"]["student"], "out_of_fold": False})
KNOWN_FUSION = config["students"][KNOWN["student"]]["fusion"]
KNOWN_TEACHERS = config["fusions"][KNOWN_FUSION]["teachers"]
# the teachers that predict clips which they were not trained on
FOLDED = [teacher for teacher in KNOWN_TEACHERS if KNOWN["out_of_fold"] and teacher not in FOREIGN]
# teacher -> its file of clips that it was not trained on; of a file of logits, the one of which the user says so
HELD_OUT = dict.fromkeys(FOLDED, "out_of_fold")
HELD_OUT |= {
    teacher: "train"
    for teacher in KNOWN_TEACHERS
    if teacher in FOREIGN and config["teachers"][teacher].get("unseen")
}
# the files of a split that state groups
GROUPED = ["subsets", *(["unlabelled"] if config["students"][KNOWN["student"]]["unlabelled"] else [])]


def known(wildcards):
    """All files of `snakemake knowledge`; without out-of-fold logits those that need none."""
    if "knowledge" not in config:
        raise WorkflowError("config.yaml has no `knowledge`, which names the student to look at")
    files = [f"results/{DATASET}/knowledge.parquet"]
    if not HELD_OUT:
        logger.warning(no_folds())
        return files
    tables = ["label_pairs.csv", "worth.csv", "curve.csv", "students.csv", "worth.svg", "curve.svg"]
    folder = f"results/{DATASET}/knowledge"
    return [*files, f"results/{DATASET}/suspects.csv", *(f"{folder}/{table}" for table in tables)]


def no_folds():
    """What is missing without out-of-fold logits, and how to get it."""
    teachers = ", ".join(KNOWN_TEACHERS)
    how = (
        "they are files, which are never out of fold"
        if KNOWN["out_of_fold"]
        else "set knowledge.out_of_fold to true, which trains each teacher "
        f"{config['datasets'][DATASET]['crossfit']} times more"
    )
    return (
        f"no out-of-fold logits of {teachers}, so no suspect labels and no worth of teachers (in-sample logits "
        f"have memorised the labels): {how}"
    )


def runs_of():
    """(split, seed) of every run."""
    return [(split, seed) for split in config["run"]["splits"] for seed in config["run"]["seeds"]]


def known_logits(wildcards):
    """The files of logits, in the order of known_sources."""
    return [
        f"{RUN}/{role}/{name}/logits/{file}.parquet".format(dataset=wildcards.dataset, split=split, seed=seed)
        for split, seed in runs_of()
        for role, name, file in known_files(wildcards.dataset, split, seed)
    ]


def known_sources(wildcards):
    """What each of these files holds, with the keys of ukdlib.knowledge.facts.Source."""
    return [
        {
            "split": split,
            "seed": seed,
            "role": role,
            "name": name,
            "subset": held_in(file),
            "weighted": weighed(role, name, file),
        }
        for split, seed in runs_of()
        for role, name, file in known_files(wildcards.dataset, split, seed)
    ]


def held_in(file):
    """The subset that a file of logits is of."""
    return "train" if file == "out_of_fold" else file


def known_files(dataset, split, seed):
    """(role, name, file) of one run: all subsets of the teachers and the student, and what the fusion can fuse."""
    fusion, student = config["fusions"][KNOWN_FUSION], config["students"][KNOWN["student"]]
    tested = (["val"] if validated() else []) + ["test"]
    unlabelled = ["unlabelled"] if student["unlabelled"] else []
    fused = ["train", *([] if fusion["method"] in LABEL_METHODS else tested), *unlabelled]
    files = [("fusions", KNOWN_FUSION, file) for file in fused]
    for teacher in KNOWN_TEACHERS:
        given = ["train", *(["out_of_fold"] if teacher in FOLDED else []), *tested, *unlabelled]
        files += [
            ("teachers", teacher, file) for file in given if has_logits(teacher, dataset, split, seed, file)
        ]
    return files + [("students", KNOWN["student"], file) for file in ("train", *tested)]


def has_logits(teacher, dataset, split, seed, subset):
    """False where a teacher is a file that does not exist for this subset; the fusion needs that of `train` anyway."""
    if teacher not in FOREIGN or subset == "train":
        return True
    path = config["teachers"][teacher]["logits"].format(
        dataset=dataset, split=split, seed=seed, subset=subset
    )
    return os.path.isfile(path)


def weighed(role, name, file):
    """Whether the student's fusion is made of this file."""
    folded = config["fusions"][KNOWN_FUSION]["out_of_fold"] and name not in FOREIGN
    return role == "teachers" and file != ("train" if folded else "out_of_fold")


def run_logits(files):
    """Input function: these files {teacher: file} of every run, run by run, the teachers in this order."""
    return lambda wildcards: [
        f"{RUN}/teachers/{teacher}/logits/{file}.parquet".format(
            dataset=wildcards.dataset, split=split, seed=seed
        )
        for split, seed in runs_of()
        for teacher, file in files.items()
    ]


def planted_runs(wildcards):
    """What was done to the labels of each run, in the order of runs_of."""
    planted, count = KNOWN.get("planted", []), len(config["datasets"][wildcards.dataset]["splits"])
    if len(planted) != count or "corrections" not in config["datasets"][wildcards.dataset]:
        raise WorkflowError(
            f"config.yaml: knowledge.planted has {len(planted)} names for {count} splits of {wildcards.dataset}; with "
            "`corrections` that are wrong on purpose, name what each split's did (config/wrong_labels.yaml)"
        )
    return [planted[split] for split, _ in runs_of()]


def price_files(wildcards):
    """Teacher -> Snakemake's benchmark files of its trainings, and of the flow that it sees; [] of a file of logits."""
    return {teacher: [trainings_of(wildcards, teacher), flow_of(wildcards, teacher)] for teacher in HELD_OUT}


def trainings_of(wildcards, teacher):
    if teacher in FOREIGN:
        return []
    return [
        f"results/benchmarks/train_teacher/{wildcards.dataset}_split{split}_seed{seed}_{teacher}.tsv"
        for split, seed in runs_of()
    ]


def flow_of(wildcards, teacher):
    chain = [] if teacher in FOREIGN else chain_of(config, config["teachers"][teacher]["modality"])
    return [
        f"results/benchmarks/compute_flow/{wildcards.dataset}_{modality}_{shard}.tsv"
        for modality in chain
        if modality in transform_names(config, "tvl1")
        for shard in range(config["datasets"][wildcards.dataset]["shards"])
    ]


def students_alike():
    """
    The students of this run's tables that differ from the known one by their fusion alone, one that can be made of
    the known teachers, and that one.
    """
    own = config["students"][KNOWN["student"]]
    of_tables = (row for name in config["run"]["tables"] for row in config["tables"][name]["rows"].values())
    names = [row.removeprefix("students/") for row in of_tables if row.startswith("students/")]
    return [
        name
        for name in dict.fromkeys([KNOWN["student"], *names])
        if {**config["students"][name], "fusion": None} == {**own, "fusion": None}
        and set(config["fusions"][config["students"][name]["fusion"]]["teachers"]) <= set(HELD_OUT)
    ]


def known_students(wildcards):
    """name, teachers and fusion of students_alike."""
    fusions = {name: config["fusions"][config["students"][name]["fusion"]] for name in students_alike()}
    return [{"name": name, "teachers": f["teachers"], "fusion": fused_as(f)} for name, f in fusions.items()]


def fused_as(fusion):
    """What a fusion does with the teachers' logits, whatever they are."""
    return {key: fusion[key] for key in ("method", "h", "weight_temperature", "fuse_as")}


def known_groups(wildcards):
    """The files that state the group of each video, in the order of splits_of_groups."""
    return [
        f"results/{wildcards.dataset}/split{split}/{file}.parquet"
        for split, file in itertools.product(config["run"]["splits"], GROUPED)
    ]


def splits_of_groups(wildcards):
    return [split for split, _ in itertools.product(config["run"]["splits"], GROUPED)]
