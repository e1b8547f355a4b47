"""Content of this run's tables and figures: rows, the files behind them, the paper's numbers."""

from pathlib import Path

from ukdlib.settings.config import pretraining_of

DATASET = config["run"]["dataset"]
NOTE = config["datasets"][DATASET]["note"]
FIRST_RUN = RUN.format(dataset=DATASET, split=config["run"]["splits"][0], seed=config["run"]["seeds"][0])
FIRST_SUBSETS = f"results/{DATASET}/split{config['run']['splits'][0]}/subsets.parquet"
METRICS, LOGITS, HISTORY = "metrics/{subset}.json", "logits/{subset}.parquet", "history.csv"


def files_of(rows, file, subset="test", seeds=None):
    """Label -> this file of that row (role/name) for every split and seed, by default those of the run."""
    run = config["run"]
    names = dict(dataset=run["dataset"], split=run["splits"], seed=seeds or run["seeds"], subset=subset)
    return {label: expand(f"{RUN}/{member}/{file}", **names) for label, member in rows.items()}


def every_file(rows, file, subset="test", seeds=None):
    """The same files in one list."""
    return in_one_list(files_of(rows, file, subset, seeds))


def in_one_list(files):
    """Files by label, row by row; ukdlib.results.grouping.by_row groups them by label again."""
    return sum(files.values(), [])


def table_rows(wildcards):
    """Row label -> role/name."""
    return config["tables"][wildcards.table]["rows"]


def paper_of(table):
    """The paper's numbers of a table: row label -> top-1, none beside data that they are not of."""
    return config["tables"][table]["paper"] if config["datasets"][DATASET]["paper"] else {}


def table_trained(wildcards):
    """The rows that are trained here and have a history: label -> role/name."""
    return {label: row for label, row in table_rows(wildcards).items() if is_trained(row)}


def table_files(file, rows=table_rows):
    """Input function: `file` of every row, split and seed of a table, row by row."""

    def paths(wildcards):
        table = config["tables"][wildcards.table]
        return every_file(rows(wildcards), file, table["subset"], table.get("seeds"))

    return paths


def pretraining(wildcards):
    """Row label -> the notes of the pretrained weights of its networks."""
    return {
        label: pretraining_of(config, *row.split("/"))
        for label, row in config["tables"][wildcards.table]["rows"].items()
    }


def tested_tables():
    """The run's tables of test results over all its seeds."""
    tables = config["tables"]
    return [
        name
        for name in config["run"]["tables"]
        if tables[name]["subset"] == "test" and "seeds" not in tables[name]
    ]


def rows_of_run():
    """Every row of this run's tables of test results, each once under its first label: label -> role/name."""
    labels = {}
    for table in tested_tables():
        for label, member in config["tables"][table]["rows"].items():
            labels.setdefault(member, label)
    return {label: member for member, label in labels.items()}


def published():
    """The paper's number for each label of rows_of_run, if there is one."""
    tables = [(config["tables"][table], paper_of(table)) for table in tested_tables()]
    numbers = {
        table["rows"][label]: number for table, paper in reversed(tables) for label, number in paper.items()
    }
    return {label: numbers[member] for label, member in rows_of_run().items() if member in numbers}


def is_trained(row):
    """Whether role/name is a network that is trained here: not a fusion or an external teacher."""
    role, name = Path(row).parts
    return role == "students" or (role == "teachers" and name not in FOREIGN)


def learnt_unlabelled():
    """Rows of all the run's tables and figures, those of fewer seeds too, that learn from clips without labels."""
    tables = [config["tables"][name]["rows"] for name in config["run"]["tables"]] + [
        config["figures"]["compare"]
    ]
    rows = dict.fromkeys(row for rows in tables for row in rows.values() if is_trained(row))
    return [row for row in rows if entry_of(row).get("unlabelled")]


def entry_of(row):
    """The entry of role/name."""
    role, name = Path(row).parts
    return config[role][name]


def trained_rows():
    return {label: row for label, row in rows_of_run().items() if is_trained(row)}


def figure(name):
    """A figure's file, marked for `snakemake --report`."""
    stem = name.split(".")[0]
    path = f"results/{config['run']['dataset']}/figures/{name}"
    return report(path, caption=f"captions/{stem}.rst", category="Figures", labels={"figure": stem})


def verified_files():
    """
    The verification of all trained networks of this run: training views of teachers, out of fold too where a fusion
    uses them, and test views of table rows.
    """
    rows = dict.fromkeys(trained_rows().values())
    students = [
        config["students"][name] for role, name in (Path(row).parts for row in rows) if role == "students"
    ]
    fusions = [config["fusions"][student["fusion"]] for student in students]
    teachers = {name for fusion in fusions for name in fusion["teachers"]} - set(FOREIGN)
    proofs = [(f"teachers/{name}", "train") for name in sorted(teachers)] + [(row, "test") for row in rows]
    unlabelled = {
        name
        for student, fusion in zip(students, fusions, strict=True)
        for name in fusion["teachers"]
        if student["unlabelled"]
    }
    proofs += [(f"teachers/{name}", "unlabelled") for name in sorted(unlabelled - set(FOREIGN))]
    folded = {name for fusion in fusions if fusion["out_of_fold"] for name in fusion["teachers"]} - set(
        FOREIGN
    )
    folds = range(config["datasets"][DATASET]["crossfit"])
    proofs += [(f"teachers/{name}/fold{fold}", "held_out") for name in sorted(folded) for fold in folds]
    return [path for row, subset in proofs for path in every_file({row: row}, f"verified/{subset}.json")]
