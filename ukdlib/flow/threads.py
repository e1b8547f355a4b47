"""An iterator at work in a thread of its own, some items ahead of whoever takes them."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
END: Any = object()


def in_a_thread(items: Iterator[T], waiting: int) -> Iterator[T]:
    """
    The same items in the same order, of which up to `waiting` are made before they are asked for.

    What is raised while an item is made is raised here in its place. Who stops before the end, or is interrupted,
    waits for the item that is being made; no other is begun.
    """
    thread = ThreadPoolExecutor(1)
    try:
        due = deque(thread.submit(next, items, END) for _ in range(waiting))
        while (item := due.popleft().result()) is not END:
            due.append(thread.submit(next, items, END))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
