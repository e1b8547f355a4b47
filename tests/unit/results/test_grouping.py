"""Files grouped by the labels of their rows: order and number are kept, uneven numbers are refused."""

import pytest

from ukdlib.results.grouping import by_row


def test_every_file_is_under_one_row_in_its_order():
    rows = by_row(["a", "b", "c"], list("uvwxyz"))
    assert rows == {"a": ["u", "v"], "b": ["w", "x"], "c": ["y", "z"]}
    assert [file for files in rows.values() for file in files] == list("uvwxyz")


def test_no_rows_have_no_files():
    assert by_row([], []) == {}


@pytest.mark.parametrize(("rows", "files"), [(["a", "b"], ["u"]), (["a"], []), ([], ["u"])])
def test_uneven_numbers_of_files_are_refused(rows, files):
    with pytest.raises(ValueError, match="same number"):
        by_row(rows, files)
