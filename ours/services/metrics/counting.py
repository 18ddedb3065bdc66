"""Counts on, minute by minute, in the scheduler: what is over is added up once and never read again."""

import time

from ours import clock
from ours.core.balance import Balance
from ours.services.overview import figures
from ours.store import Store
from ours.store.queries import counters
from ours.store.queries.counters import Counted

LAG = 3 * clock.MINUTE
"""Nothing that began longer ago than this is still being written down."""
COUNTED, BALANCE, SCHEDULER = "counted", "balance", "scheduler"
_SECONDS = 0.5
_BEAT = 10.0
_LEAST_REST = 60.0
_REST_FOR_WORK = 50.0
_FIGURES = ("accepted", "expected", "pending", "sending", "retrying", "delivered", "rejected", "exhausted", "stopped",
            "held", "sunk", "difference")  # fmt: skip


class Counting:
    """``tick`` often; it works when it is time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_beat = 0.0
        self._next_balance = 0.0

    def tick(self) -> None:
        """:raises Busy: when the database is away."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _BEAT
        with self._store.write() as connection:
            counters.note(connection, SCHEDULER, clock.now_ms())
        with self._store.alone("counting") as mine:
            if mine:
                self.count_on()
                self._count_balance_if_due()

    def _count_balance_if_due(self) -> None:
        begun = time.monotonic()
        if begun >= self._next_balance:
            self.count_balance()
            took = time.monotonic() - begun
            self._next_balance = time.monotonic() + max(_LEAST_REST, _REST_FOR_WORK * took)

    def count_on(self, seconds: float = _SECONDS) -> None:
        """Add up what is over, for about ``seconds`` at most: after a long silence the rest follows next time."""
        ends = time.monotonic() + seconds
        while self._count_next() and time.monotonic() < ends:
            pass

    def count_balance(self) -> Balance:
        """Count everything, which takes about a second per million events; so ``tick`` rests accordingly."""
        with self._store.read() as connection:
            balance = figures.standing(connection).balance
        rows = [Counted(BALANCE, 0, "", name, 0, getattr(balance, name)) for name in _FIGURES]
        with self._store.write() as connection:
            counters.replace(connection, BALANCE, rows)
            counters.note(connection, BALANCE, clock.now_ms())
        return balance

    def _count_next(self) -> bool:
        """The next minute in which anything happened, or the next hour while far behind; answers whether there is more.

        It is read first and then added, so that the lock is short.
        """
        over = (clock.now_ms() - LAG) // clock.MINUTE * clock.MINUTE
        with self._store.read() as connection:
            was = counters.noted(connection, COUNTED)
            first = counters.first_after(connection, was)
            start = over if first is None else min(first // clock.MINUTE * clock.MINUTE, over)
            end = min(start + (clock.HOUR if over - start > clock.DAY else clock.MINUTE), over)
            if end <= was:
                return False
            counted = counters.between(connection, start, end)
        with self._store.write() as connection:
            if counters.noted(connection, COUNTED, lock=True) == was:
                counters.note(connection, COUNTED, end)
                counters.add(connection, counted)
        return end < over
