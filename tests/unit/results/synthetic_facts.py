"""Facts as ukdlib.knowledge.facts has them, made up: teachers that are good at different classes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

NUMBERS = {
    "split": pa.int32(),
    "seed": pa.int32(),
    "label": pa.int32(),
    "view": pa.int32(),
    "fold": pa.int32(),
}
NUMBERS |= {"weight": pa.float32(), "logits": pa.list_(pa.float32())}


def as_table(facts: pd.DataFrame) -> pa.Table:
    """Facts as they are in their file."""
    schema = pa.schema([(name, NUMBERS.get(name, pa.string())) for name in facts])
    return pa.Table.from_pandas(facts, schema, preserve_index=False)


def facts_of(
    video_ids: Sequence[str],
    classes: Sequence[str],
    teachers: Sequence[str],
    out_of_fold: bool = True,
    views: int = 2,
    seed: int = 0,
) -> pd.DataFrame:
    """All predictors' rows of these clips: two of three train, the rest test; fusion `ukd`, student `pupil`."""
    rng = np.random.default_rng(seed)
    count, size = len(video_ids), len(classes)
    labels = rng.integers(0, size, count)
    train = np.arange(count) % 3 != 2
    predictors = [("teachers", name, False) for name in teachers]
    predictors += [("teachers", name, True) for name in teachers if out_of_fold]
    predictors += [("fusions", "ukd", False), ("students", "pupil", False)]
    weights = rng.dirichlet(np.ones(len(teachers)), count)
    rows = []
    for role, name, held in predictors:
        skill = 5.0 if role == "teachers" and not held else 1.0
        for view in range(views):
            logits = rng.normal(size=(count, size)).astype(np.float32)
            logits[np.arange(count), labels] += skill
            for n in np.flatnonzero(train) if held or role == "fusions" else range(count):
                weighed = role == "teachers" and not held and train[n]
                weight = weights[n, list(teachers).index(name)] if weighed else None
                subset = "train" if train[n] else "test"
                fold = n % 2 if held else None
                rows.append(
                    (
                        0,
                        0,
                        video_ids[n],
                        subset,
                        f"{n % 5}",
                        labels[n],
                        role,
                        name,
                        view,
                        fold,
                        weight,
                        logits[n],
                    )
                )
    columns = "split seed video_id subset group label role name view fold weight logits".split()
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"label": "Int32", "fold": "Int32", "weight": "float32"})


def about(classes: Sequence[str], teachers: Sequence[str], out_of_fold: bool = True, **more: object) -> dict:
    """What such facts say of themselves."""
    stated = {
        "schema": 1,
        "dataset": "darkroom",
        "note": "made up",
        "classes": list(classes),
        "fusion": "ukd",
    }
    stated |= {
        "student": "pupil",
        "split": 0,
        "seed": 0,
        "teachers": list(teachers),
        "tau": 5,
        "out_of_fold": out_of_fold,
    }
    return stated | more
