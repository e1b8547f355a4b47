"""Of processes that start together, one compiles: the first call holds a lock, later ones do not."""

import fcntl

import pytest

from ukdlib.machine.compiling import first_alone


def is_locked(path):
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_first_call_alone_holds_the_lock(tmp_path):
    path = tmp_path / "__init__.py"
    path.touch()
    seen = []
    work = first_alone(lambda *numbers: seen.append(is_locked(path)) or sum(numbers), str(path))
    assert [work(1, 2), work(3), work()] == [3, 3, 0]
    assert seen == [True, False, False] and not is_locked(path)


def test_a_first_call_that_fails_releases_the_lock_and_the_next_is_the_first(tmp_path):
    path = tmp_path / "__init__.py"
    path.touch()
    seen = []

    def work(fail):
        seen.append(is_locked(path))
        if fail:
            raise ValueError("first")

    guarded = first_alone(work, str(path))
    with pytest.raises(ValueError, match="first"):
        guarded(True)
    assert not is_locked(path)
    guarded(False)
    assert seen == [True, True]
