"""Files of several rows, given as one list in the order of the rows, grouped by the labels of their rows."""

from collections.abc import Iterable, Sequence


def by_row(rows: Iterable[str], files: Sequence[str]) -> dict[str, list[str]]:
    """Row label -> its files, the same number for every row: those of the first row come first."""
    labels = list(rows)
    each, left = divmod(len(files), len(labels)) if labels else (0, len(files))
    if left or (labels and not each):
        raise ValueError(f"{len(files)} files cannot be the same number for each of the rows {labels}")
    return {label: list(files[i * each : (i + 1) * each]) for i, label in enumerate(labels)}
