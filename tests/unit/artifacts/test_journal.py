"""A journal loses at most the value in progress, and never returns one that was not written."""

import numpy as np
import pytest

from ukdlib.artifacts.journal import discard_journal, journaled

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


def test_a_killed_attempt_is_resumed(path):
    made: list[int] = []
    for until in (2, 2, 4):
        with pytest.raises(Killed):
            journaled(path, "k", making(made, until))
    assert journaled(path, "k", making(made)) == ROWS
    assert made == list(range(5))


def test_finished_values_are_not_computed_again(path):
    journaled(path, "k", making([]))
    made: list[int] = []
    assert journaled(path, "k", making(made)) == ROWS and not made


def test_another_key_starts_from_scratch(path):
    journaled(path, "k", making([]))
    made: list[int] = []
    assert journaled(path, "other", making(made)) == ROWS
    assert made == list(range(5))


def test_two_at_once_are_refused(path):
    def make(first):
        with pytest.raises(RuntimeError, match=r"rows\.journal: another process is writing it"):
            journaled(path, "k", making([]))
        yield from ROWS[first:]

    assert journaled(path, "k", make) == ROWS


@pytest.mark.parametrize(
    ("lines", "taken"), [([0, 1, 2, 2, 3], 2), ([0, 2, 1, 3, 4], 0), ([0, 1, 1, 2, 5], 1)]
)
def test_lines_mixed_by_two_processes_are_not_used(lines, taken, path, tmp_path):
    """Where a file system has no locks; line 0 is the key."""
    journaled(path, "k", making([]))
    content = (tmp_path / "rows.journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "rows.journal").write_bytes(b"".join(content[line] for line in lines))
    made: list[int] = []
    assert journaled(path, "k", making(made)) == ROWS
    assert made == list(range(taken, 5))


def test_what_is_kept_of_a_value_is_the_same_after_a_kill(path):
    with pytest.raises(Killed):
        journaled(path, "k", making([], 3))
    assert journaled(path, "k", making([]), lambda row: row["name"]) == [row["name"] for row in ROWS]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_line_is_computed_again(cut, path, tmp_path):
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
