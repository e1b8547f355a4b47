"""
Tables in files: Parquet for the next stage, sealed with a checksum; CSV for people and for plots.

The checksum is over names, types and values of the columns and is stored in the file's metadata: whatever bit of
the file changes, a reader gets what was written or an error. Without compression and dictionaries, page checksums
detect most of it before a value is decoded.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ukdlib.artifacts.sealing import beside, checksum, damaged, refuse_damage

if TYPE_CHECKING:  # who brings or takes a data frame has imported it; trainings do without
    import pandas as pd

LAYOUT: dict[str, Any] = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "write_page_checksum": True,
}
UNREADABLE = (pa.ArrowException, OSError, KeyError, TypeError, ValueError)  # what a damaged file may raise
SEAL = b"checksum"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first characters of a cell that spreadsheets compute


def write_records(path: str | Path, table: "pd.DataFrame") -> None:
    """Parquet of a table, without its index; the file appears whole."""
    stored = pa.Table.from_pandas(table, preserve_index=False)
    with beside(path) as part:
        pq.write_table(stored.replace_schema_metadata({SEAL: _checksum(stored)}), part, **LAYOUT)


def read_records(path: str | Path) -> "pd.DataFrame":
    """All rows; refused if the file is damaged."""
    return read_columns(path).to_pandas()


def read_columns(path: str | Path) -> pa.Table:
    """The same as an Arrow table."""
    with refuse_damage(path, *UNREADABLE):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            stored = file.read(use_threads=False)
        seal = _checksum(stored)
    if (stored.schema.metadata or {}).get(SEAL) != seal:
        raise damaged(path, "its rows are not what was written")
    return stored


def write_csv(path: str | Path, table: "pd.DataFrame") -> None:
    """
    CSV of a table, without its index; the file appears whole.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, as OWASP recommends.
    """
    safe = table.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell)
    with beside(path) as part:
        safe.to_csv(part, index=False)


def _checksum(table: pa.Table) -> bytes:
    """Over names, types and values: all that a reader gets."""
    columns = zip(table.column_names, table.schema.types, table.columns, strict=True)
    parts = (json.dumps([name, str(kind), values.to_pylist()]).encode() for name, kind, values in columns)
    return str(checksum(parts)).encode()
