"""How long the queue has been away, as whoever looks knows it: the rows are worked through all the same, only later."""

import time
from collections.abc import Callable, Iterator

from ours.core import concerns
from ours.core.concerns import Concern

_PATIENCE_MINUTES = 10


class Away:
    """``reachable`` answers whether the queue takes a poke."""

    def __init__(self, reachable: Callable[[], bool]) -> None:
        self._reachable = reachable
        self._since: float | None = None

    def notice(self, *, known: bool) -> Iterator[Concern]:
        """``known``: an alert of it is open, so that who was started meanwhile need not wait anew."""
        now = time.monotonic()
        if self._reachable():
            self._since = None
            return
        if self._since is None:
            self._since = now
        if known or now - self._since >= _PATIENCE_MINUTES * 60:
            yield concerns.queue(_PATIENCE_MINUTES)
