"""A journal loses at most the value that was being made, and never gives one that was not written so."""

import numpy as np
import pytest

from ukdlib.journal import discard_journal, journaled

ROWS = [{"name": f"v{n}", "mean": n / 3, "none": None, "words": "走る \n é"} for n in range(5)]


class Killed(BaseException):
    pass


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "rows.journal")


def making(made, until=99):
    def make(first):
        for number in range(first, len(ROWS)):
            if number == until:
                raise Killed
            made.append(number)
            yield ROWS[number]

    return make


def test_a_killed_attempt_is_gone_on_from(path):
    made: list[int] = []
    for until in (2, 2, 4):
        with pytest.raises(Killed):
            journaled(path, "k", making(made, until))
    assert journaled(path, "k", making(made)) == ROWS
    assert made == list(range(5))


def test_what_is_finished_is_not_made_again(path):
    journaled(path, "k", making([]))
    made: list[int] = []
    assert journaled(path, "k", making(made)) == ROWS and not made


def test_another_key_starts_anew(path):
    journaled(path, "k", making([]))
    made: list[int] = []
    assert journaled(path, "other", making(made)) == ROWS
    assert made == list(range(5))


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_line_is_made_again(cut, path, tmp_path):
    journaled(path, "k", making([]))
    content = (tmp_path / "rows.journal").read_bytes()
    (tmp_path / "rows.journal").write_bytes(content[:-cut])
    made: list[int] = []
    assert journaled(path, "k", making(made)) == ROWS
    assert made == [4]
    assert (tmp_path / "rows.journal").read_bytes() == content


@pytest.mark.parametrize("seed", range(60))
def test_a_changed_bit_is_never_taken_for_a_value(seed, path, tmp_path):
    journaled(path, "k", making([]))
    content = bytearray((tmp_path / "rows.journal").read_bytes())
    content[int(np.random.default_rng(seed).integers(len(content)))] ^= 1 << seed % 8
    (tmp_path / "rows.journal").write_bytes(content)
    assert journaled(path, "k", making([])) == ROWS


def test_it_can_be_removed_twice(path):
    journaled(path, "k", making([]))
    discard_journal(path)
    discard_journal(path)
    made: list[int] = []
    journaled(path, "k", making(made))
    assert made == list(range(5))
