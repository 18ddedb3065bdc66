"""Whoever deletes by age does not believe a clock that was set forward far: it may be wrong, and be set right again."""

from sqlalchemy import Connection

from ours import clock
from ours.store import Store
from ours.store.queries import counters, moments

SECONDS = 3600.0
"""For so long nothing is deleted then."""
REASON = "The clock was set forward, or no scheduler ran for over an hour."
_FAR, _WORTH_TELLING = clock.HOUR, clock.DAY
_ROUND, _REST = "retention", "deletion_rests"


def rests_until(connection: Connection, now: int) -> int | None:
    """Until when (milliseconds) nothing is deleted, after a leap of more than a day; None when it is not so."""
    ends = counters.noted(connection, _REST)
    return ends if 0 < ends - now <= SECONDS * clock.SECOND else None


class Caution:
    """``is_due`` before each round of a duty, ``note_rest`` before it and ``note_round`` after it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jumps = clock.Jumps()
        self._begun = False
        self._untold = 0

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
        if leapt > _WORTH_TELLING:
            self._untold = clock.now_ms() + round(SECONDS) * clock.SECOND
        return leapt > _FAR

    def note_rest(self) -> None:
        """Have somebody be told, if it is about more than a day: who is off by night need not be told every morning.

        :raises Busy: when the database is away, as it well may be after a leap; the next time it is noted.
        """
        if self._untold:
            with self._store.write() as connection:
                counters.note(connection, _REST, self._untold)
            self._untold = 0

    def note_round(self) -> None:
        """:raises Busy: when the database is away."""
        with self._store.write() as connection:
            counters.note(connection, _ROUND, clock.now_ms())

    def _silence(self) -> int:
        """Milliseconds since the last round; where there was none, since the newest event."""
        with self._store.read() as connection:
            last = counters.noted(connection, _ROUND) or moments.newest_event(connection)
        return clock.now_ms() - last if last else 0
