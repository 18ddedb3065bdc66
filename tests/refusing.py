"""What refused requests leave is written with the next commit, a moment after their answer."""

import time
from collections.abc import Callable, Container
from typing import TypeVar

T = TypeVar("T", bound=Container[object])


def until(read: Callable[[], T], wanted: object, seconds: float = 10) -> T:
    """What ``read`` answers, as soon as ``wanted`` is in it."""
    ends = time.monotonic() + seconds
    while wanted not in (found := read()) and time.monotonic() < ends:
        time.sleep(0.01)
    return found
