"""A journal loses at most the row that was being made, and never gives a row that was not written so."""

import numpy as np
import pytest

from ukdlib.journal import discard_journal, journaled

ROWS = {f"v{n}": {"name": f"v{n}", "mean": n / 3, "none": None, "words": "走る \n é"} for n in range(5)}


class Killed(BaseException):
    pass


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "rows.part")


def making(made, until=99):
    def make(name):
        if len(made) == until:
            raise Killed
        made.append(name)
        return ROWS[name]

    return make


def test_a_killed_attempt_is_gone_on_from(path):
    made: list[str] = []
    for until in (2, 2, 4):
        with pytest.raises(Killed):
            journaled(path, "k", list(ROWS), making(made, until))
    assert journaled(path, "k", list(ROWS), making(made)) == list(ROWS.values())
    assert made == list(ROWS)


def test_rows_come_in_the_order_asked_for_and_no_others(path):
    journaled(path, "k", ["v3", "v1", "v4"], making([]))
    assert journaled(path, "k", ["v1", "v2", "v3"], making([])) == [ROWS["v1"], ROWS["v2"], ROWS["v3"]]


def test_another_key_starts_anew(path):
    journaled(path, "k", list(ROWS), making([]))
    made: list[str] = []
    journaled(path, "other", list(ROWS), making(made))
    assert made == list(ROWS)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_line_is_made_again(cut, path, tmp_path):
    journaled(path, "k", list(ROWS), making([]))
    content = (tmp_path / "rows.part").read_bytes()
    (tmp_path / "rows.part").write_bytes(content[:-cut])
    made: list[str] = []
    assert journaled(path, "k", list(ROWS), making(made)) == list(ROWS.values())
    assert made == ["v4"]
    assert (tmp_path / "rows.part").read_bytes() == content


@pytest.mark.parametrize("seed", range(60))
def test_a_changed_bit_is_never_taken_for_a_row(seed, path, tmp_path):
    journaled(path, "k", list(ROWS), making([]))
    content = bytearray((tmp_path / "rows.part").read_bytes())
    content[int(np.random.default_rng(seed).integers(len(content)))] ^= 1 << seed % 8
    (tmp_path / "rows.part").write_bytes(content)
    assert journaled(path, "k", list(ROWS), making([])) == list(ROWS.values())


def test_it_can_be_removed_twice(path):
    journaled(path, "k", [], making([]))
    discard_journal(path)
    discard_journal(path)
    assert journaled(path, "k", ["v0"], making([])) == [ROWS["v0"]]
