"""
All that is known of every clip in one tidy table, for the knowledge page and for other tools (docs/knowledge.md).

A row is what one predictor says of one view of one video: a teacher, the fusion or the student, in sample, out of fold
(`fold` is not null) or of a video that was not trained on. The file is plain Parquet; its metadata are JSON under the
key `ukd`. The whole table is in memory, about (100 + 4 C) bytes for each of its rows.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ukdlib.artifacts.sealing import beside, refuse_damage
from ukdlib.knowledge.logits import LogitRows, read_logits
from ukdlib.settings.config import NO_LABEL
from ukdlib.videos.records import read_columns

SCHEMA_VERSION = 1
COLUMNS = pa.schema(
    [
        ("split", pa.int32()),
        ("seed", pa.int32()),
        ("video_id", pa.string()),
        ("subset", pa.string()),
        ("group", pa.string()),
        ("label", pa.int32()),
        ("role", pa.string()),
        ("name", pa.string()),
        ("view", pa.int32()),
        ("fold", pa.int32()),
        ("weight", pa.float32()),
        ("logits", pa.list_(pa.float32())),
    ]
)
METADATA = ("schema", "dataset", "note", "classes", "fusion", "student", "teachers", "tau", "out_of_fold")
UNREADABLE = (pa.ArrowException, OSError, KeyError, UnicodeDecodeError, json.JSONDecodeError)


class Source(NamedTuple):
    """What a file of logits holds; weighted: the student's fusion was made of it."""

    split: int
    seed: int
    role: str
    name: str
    subset: str
    weighted: bool = False


def write_facts(path: str | Path, table: pa.Table, metadata: Mapping[str, Any]) -> None:
    """Write a table of COLUMNS with METADATA; `schema` is added. The file appears whole."""
    stated = {"schema": SCHEMA_VERSION, **metadata}
    if unlike := sorted(set(METADATA) ^ set(stated)):
        raise ValueError(f"{path}: metadata {unlike} are missing or unknown; expected {list(METADATA)}")
    stored = table.cast(COLUMNS).replace_schema_metadata({b"ukd": json.dumps(stated, ensure_ascii=False)})
    with beside(path) as part:
        pq.write_table(stored, part, write_page_checksum=True)


def read_facts(path: str | Path) -> tuple[pa.Table, dict[str, Any]]:
    """The table of COLUMNS and its METADATA; a file of another schema or a damaged one is refused."""
    with refuse_damage(path, *UNREADABLE):
        table = pq.read_table(path, page_checksum_verification=True)
        stated = json.loads((table.schema.metadata or {}).get(b"ukd", b"{}").decode())
    if stated.get("schema") != SCHEMA_VERSION or table.schema.names != COLUMNS.names:
        raise ValueError(
            f"{path}: not a table of knowledge of schema {SCHEMA_VERSION}: its schema is {stated.get('schema')}, "
            f"its columns are {table.schema.names}; expected {COLUMNS.names}"
        )
    return table, stated


def gather(
    sources: Mapping[str, Source], groups: Mapping[int, Mapping[str, str]], fusion: Mapping[str, Any]
) -> pa.Table:
    """
    The rows of all files, those of fusions first.

    sources: path -> what it holds; groups: split -> video -> group; fusion: {teachers, target}, which has
    the weights.
    """
    fused: dict[tuple[int, int, str], LogitRows] = {}
    tables = []
    fusions_first = sorted(
        sources.items(), key=lambda item: item[1].role != "fusions"
    )  # they have the weights
    for path, source in fusions_first:
        rows, run = read_logits(path), (source.split, source.seed, source.subset)
        if source.role == "fusions":
            fused[run] = rows
        weights = None
        if source.weighted and run in fused:
            weights = weights_of(rows, fused[run], fusion["teachers"].index(source.name), fusion["target"])
        tables.append(rows_of(source, rows, groups[source.split], weights))
    return pa.concat_tables(tables)


def read_groups(splits: Sequence[int], paths: Sequence[str]) -> dict[int, dict[str, str]]:
    """Split -> video -> group, from files of subsets, of which each split has one or more."""
    groups: dict[int, dict[str, str]] = {split: {} for split in splits}
    for split, path in zip(splits, paths, strict=True):
        rows = read_columns(path)
        groups[split].update(zip(rows["video_id"].to_pylist(), rows["group"].to_pylist(), strict=True))
    return groups


def rows_of(
    source: Source, rows: LogitRows, groups: Mapping[str, str], weights: np.ndarray | None = None
) -> pa.Table:
    """The rows of one file as COLUMNS; weights: of the teacher in the fusion, (N,)."""
    count = len(rows)
    constant = {name: [getattr(source, name)] * count for name in ("split", "seed", "subset", "role", "name")}
    columns = {
        **constant,
        "video_id": rows.video_ids.tolist(),
        "group": [groups[video] for video in rows.video_ids.tolist()],
        "label": pa.array(rows.labels, pa.int32(), mask=rows.labels == NO_LABEL),
        "view": rows.views,
        "fold": pa.nulls(count) if rows.folds is None else rows.folds,
        "weight": pa.nulls(count) if weights is None else pa.array(weights, mask=np.isnan(weights)),
        "logits": _lists(rows.logits),
    }
    return pa.table({name: columns[name] for name in COLUMNS.names}).cast(COLUMNS)


def weights_of(rows: LogitRows, fused: LogitRows, teacher: int, target: str) -> np.ndarray:
    """
    The weight (N,) of a teacher's rows in a fusion of them, NaN where the fusion has no such row.

    target: of the fusion; "video" has one weight for all views of a video.
    """
    if fused.weights is None:
        raise ValueError("a fusion without weights; expected a file that fuse_logits made")
    by_view = target == "view"
    keys = zip(fused.video_ids.tolist(), fused.views.tolist(), strict=True)
    known = dict(zip(keys, fused.weights[:, teacher].tolist(), strict=True))
    wanted = zip(rows.video_ids.tolist(), (rows.views * by_view).tolist(), strict=True)
    return np.array([known.get(key, np.nan) for key in wanted], np.float32)


def _lists(matrix: np.ndarray) -> pa.Array:
    """(N, C) as lists of C numbers."""
    count, classes = matrix.shape
    values = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
    return pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * classes), values)
