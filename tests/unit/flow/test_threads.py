"""What a thread makes ahead: the same items, not too many, its errors, and a clean end."""

import itertools
import threading
from contextlib import closing

import pytest

from ukdlib.flow.threads import in_a_thread


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("waiting", [1, 2, 7, 100])
def test_the_items_are_the_same_in_the_same_order(waiting):
    assert list(in_a_thread(iter(range(50)), waiting)) == list(range(50))
    assert list(in_a_thread(iter([]), waiting)) == []


def test_items_are_made_in_one_other_thread():
    makers = set(in_a_thread((threading.get_ident() for _ in range(9)), 3))
    assert len(makers) == 1 and threading.get_ident() not in makers


def test_as_many_as_are_allowed_are_made_ahead_and_no_more():
    made, fourth = [], threading.Event()

    def numbers():
        for number in itertools.count():
            made.append(number)
            if number == 3:
                fourth.set()
            yield number

    with closing(in_a_thread(numbers(), 3)) as items:
        assert next(items) == 0
        assert next(items) == 1
        assert fourth.wait(60)
    assert made in (
        [0, 1, 2, 3],
        [0, 1, 2, 3, 4],
    )  # two were taken; another was due only after the second was


def test_an_error_is_raised_in_its_place():
    def numbers():
        yield from (0, 1)
        raise ValueError("the third is damaged")

    taken = []
    with pytest.raises(ValueError, match="the third is damaged"):
        taken.extend(number for number in in_a_thread(numbers(), 5))
    items = in_a_thread(numbers(), 5)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="the third is damaged"):
        next(items)


def test_threads_behind_each_other_pass_an_error_on_and_end():
    def numbers():
        yield 0
        raise OSError("no such file")

    doubled = (2 * number for number in in_a_thread(numbers(), 2))
    with closing(in_a_thread(doubled, 2)) as items:
        assert next(items) == 0
        with pytest.raises(OSError, match="no such file"):
            next(items)


def test_an_interruption_ends_the_thread():
    with pytest.raises(KeyboardInterrupt), closing(in_a_thread(itertools.count(), 2)) as items:
        for item in items:
            if item == 3:  # not by a signal, which may come where Python cannot raise, and is lost
                raise KeyboardInterrupt
