"""Counts on, minute by minute, in the scheduler: what is over is added up once and never read again."""

import time

from sqlalchemy import Connection

from ours import clock
from ours.store import Store
from ours.store.queries import counters, moments

LAG = 3 * clock.MINUTE
"""Nothing that began longer ago than this is still being written down."""
COUNTED, SCHEDULER = "counted", "scheduler"
_SECONDS = 0.5
_BEAT = 10.0


class Counting:
    """``tick`` often; it works when it is time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_beat = 0.0

    def tick(self) -> None:
        """:raises Busy: when the database is away."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _BEAT
        with self._store.write() as connection:
            counters.note(connection, SCHEDULER, moments.common(connection))
        with self._store.alone("counting") as mine:
            if mine:
                self.count_on()

    def count_on(self, seconds: float = _SECONDS) -> None:
        """Add up what is over, for about ``seconds`` at most: after a long silence the rest follows next time."""
        ends = time.monotonic() + seconds
        while self._count_next() and time.monotonic() < ends:
            pass

    def _count_next(self) -> bool:
        """The next stretch in which anything happened; answers whether there is more.

        It is read first and then added, so that the lock is short. What is counted up to a moment that is yet to come,
        since the clock was set back, is counted on from now, or nothing that comes until then would ever be.
        """
        with self._store.read() as connection:
            was = counters.noted(connection, COUNTED)
            now = moments.common(connection)
            over = _minute(now - LAG)
            start, end = _next(connection, was, over) if was <= now else (_minute(now), _minute(now))
            if end <= was <= now:
                return False
            counted = counters.between(connection, start, end)
        with self._store.write() as connection:
            if counters.noted(connection, COUNTED, lock=True) == was:
                counters.note(connection, COUNTED, end)
                counters.add(connection, counted)
                counters.note_rejected(connection, counted)
        return end < over


def _next(connection: Connection, was: int, over: int) -> tuple[int, int]:
    """From when to when to count: a minute, or an hour while far behind."""
    first = counters.first_after(connection, was)
    start = over if first is None else min(_minute(first), over)
    return start, min(start + (clock.HOUR if over - start > clock.DAY else clock.MINUTE), over)


def _minute(moment: int) -> int:
    return moment - moment % clock.MINUTE
