"""What is made when it is first asked for, and only once, whichever threads ask."""

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")


class once(cached_property[T]):  # noqa: N801 - reads as a decorator, like property
    """A ``cached_property`` for what threads share: of those that ask at once one makes it, and the others wait.

    Since Python 3.12 the one of the library lets each of them make its own: fine for what only costs time to make, but
    not for what has a thread, a connection or a count, of which all but the last would be lost and never closed.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        super().__init__(make)
        self._making = threading.RLock()

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | T:
        with self._making:
            return super().__get__(instance, owner)
