"""Whoever deletes by age does not believe a clock that was set forward far: it may be wrong, and be set right again."""

from ours import clock
from ours.store import Store
from ours.store.queries import counters, moments

SECONDS = 3600.0
"""For so long nothing is deleted then."""
REASON = "The clock was set forward, or no scheduler ran for over an hour."
_FAR = clock.HOUR
_ROUND = "retention"


class Caution:
    """``is_due`` before each round of a duty, ``note_round`` after it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jumps = clock.Jumps()
        self._begun = False

    def is_due(self) -> bool:
        """Whether the clock was set forward far since this was asked last, or nothing was deleted for that long.

        The latter is asked at the start: a clock that was set meanwhile can't be told from a server that was off. Who
        only waited did no round, so a process that is started again within its hour waits for another.

        :raises Busy: when the database is away.
        """
        leapt = self._jumps.since_last()
        if not self._begun:
            leapt = max(leapt, self._silence())
            self._begun = True
        return leapt > _FAR

    def note_round(self) -> None:
        """:raises Busy: when the database is away."""
        with self._store.write() as connection:
            counters.note(connection, _ROUND, clock.now_ms())

    def _silence(self) -> int:
        """Milliseconds since the last round; where there was none, since the newest event."""
        with self._store.read() as connection:
            last = counters.noted(connection, _ROUND) or moments.newest_event(connection)
        return clock.now_ms() - last if last else 0
