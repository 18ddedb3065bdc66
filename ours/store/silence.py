"""A PostgreSQL that lives and says nothing: its processes are stopped, or its disk does not answer.

Nothing in between notices, for the kernel there still answers ours. So whoever waits for it gives up. A statement may
just take long; but once nobody is let in either, one asks again whether it is back, while the others are told at once:
else all who may wait would wait, and answer nobody.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

UNHURRIED = "unhurried"
"""What a connection's ``info`` has while it may take as long as the data are large."""


class Silence:
    """``patience``: for how many seconds an answer is waited for; None: as long as it takes."""

    def __init__(self, driver: Any, patience: float | None) -> None:
        self._driver, self._patience = driver, patience
        self._lasts = False
        self._asking = threading.Lock()

    def check(self) -> None:
        """:raises OperationalError: while it lasts."""
        if self._lasts:
            raise self._said("it says nothing")

    @contextmanager
    def asking(self, patience: float) -> Iterator[None]:
        """Connect in the block: that ends the silence, or, where it fails after ``patience`` seconds, begins it.

        :raises OperationalError: while it lasts and somebody else is asking.
        """
        mine = self._asking.acquire(blocking=False)
        try:
            if not mine:
                self.check()
            begun = time.monotonic()
            try:
                yield
            except self._driver.Error:
                self._lasts = self._lasts or time.monotonic() - begun >= patience
                raise
            self._lasts = False
        finally:
            if mine:
                self._asking.release()

    def bound(self, connection: Any, info: dict[Any, Any]) -> None:
        """Let it wait for each answer no longer than it should; then it is closed."""
        if self._patience is None:
            return
        wait: Callable[..., Any] = connection.wait

        def wait_for_long_at_most(generator: Any, *given: Any, **named: Any) -> Any:
            patience = None if UNHURRIED in info else self._patience
            try:
                return wait(generator, *given, **{"timeout": patience, **named})
            except self._driver.errors._WaitTimeout:  # noqa: SLF001 - it has no other name
                connection.close()
                raise self._said(f"it said nothing for {patience:g} s") from None

        connection.wait = wait_for_long_at_most

    def _said(self, said: str) -> Exception:
        error: Exception = self._driver.OperationalError(said)
        return error
