"""Divides the tables when it is asked to, and from then on sees to their days."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from ours import clock, ids, log
from ours.errors import Busy, Invalid
from ours.services import caution
from ours.services.partitions import days
from ours.settings import Settings
from ours.store import Store, divide
from ours.store.queries import moments
from ours.store.queries import partitions as queries
from ours.store.queries.partitions import KEYS, Part

_logger = log.get("partitions")
TABLES = tuple(KEYS)
_PAST = 3
"""So many days ahead ends what is there when a table is divided: much longer than dividing takes."""
_REST, _LONG_REST = 60.0, 600.0
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class State:
    """One table: about how many rows and bytes it has, and its partitions, if it is divided.

    ``strays``: rows that lie outside of all days and are not older than the oldest; more than 1,000 count as 1,001.
    ``is_half_done``: somebody is just dividing it, or was killed over it.
    """

    table: str
    rows: int
    bytes: int
    is_divided: bool
    parts: Sequence[Part]
    strays: int
    is_half_done: bool

    def days_ahead(self, now: int) -> int:
        """For how many whole days from now on every new row finds a partition."""
        upto = now
        while part := next((one for one in self.parts if one.start <= upto < one.end), None):
            upto = part.end
        return (upto - now) // clock.DAY


class Partitions:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._caution = caution.Caution(store)
        self._next = self._next_drop = 0.0

    def states(self) -> list[State]:
        """How each table stands; none on SQLite, which can't divide any."""
        return [] if self._store.is_sqlite else [self._state(table) for table in TABLES]

    def divides_until(self) -> int:
        """Up to when what a table would hold stays together, if it were divided now."""
        return days.midnight(clock.now_ms(), _PAST)

    def check(self) -> None:
        """:raises Invalid: on SQLite, or when something hangs on a table that would not see the days."""
        if self._store.is_sqlite:
            raise Invalid(
                "SQLite has no partitions, and needs none: they are for much traffic on PostgreSQL."
                " `ours db copy` moves you there."
            )
        with self._store.read() as connection:
            found = [f"{one} on {table}" for table in TABLES for one in divide.obstacles(connection, table)]
        if found:
            raise Invalid(
                f"Not ours, and they would not see the days: {', '.join(found)}. Drop them, and make them anew."
            )

    def divide(self) -> list[str]:
        """Divide the tables that are not divided yet, and make the days that are missing; answers which were divided.

        What lies outside of its day is moved there, however much it is, and others may wait for that.

        :raises Invalid: as ``check`` does.
        :raises Busy: when others hold a table for long; that table is then as it was.
        """
        self.check()
        whole = [state.table for state in self.states() if not state.is_divided]
        with self._alone():
            for table in whole:
                divide.divide(self._store, table, self.divides_until())
            for table in TABLES:
                for day in sorted({*self._missing(table), *self._days_of_strays(table)}):
                    divide.patiently(partial(days.make, self._store, table, day, None))
        return whole

    def tick(self) -> None:
        """Run, if it is time. One process at a time does it, and not while retention deletes.

        When the clock was set forward far, or nothing ran for long, nothing is dropped for an hour.

        :raises Busy: when the database is away, or others hold a table.
        """
        if self._store.is_sqlite or time.monotonic() < self._next:
            return
        if self._caution.is_due():
            self._next_drop = time.monotonic() + caution.SECONDS
        with self._store.alone("retention", for_long=True) as mine:
            if mine:
                self._next = time.monotonic() + _REST
                self.run()

    def run(self) -> None:
        """Mend what was left half done, make the days that are missing, and drop those that are over.

        :raises Busy: when the database is away, or others hold a table.
        """
        for table in TABLES:
            if divide.undo(self._store, table):
                _logger.warning("division_undone", table=table)
            for day in self._missing(table):
                if not days.make(self._store, table, day, days.FEW):
                    _logger.warning("day_not_made", table=table, remedy="ours db partition")
        if time.monotonic() >= self._next_drop:
            self._next_drop = time.monotonic() + _LONG_REST  # also when it fails: counting a day is not cheap
            self._drop()

    def _drop(self) -> None:
        kept = self._settings
        with self._store.read() as connection:
            now = moments.earlier(connection)
        before = now - kept.keep_attempts_days * clock.DAY
        for part in self._over("attempts", before):
            days.drop_attempts(self._store, part, before)
        modes = {"live": now - kept.keep_events_days * clock.DAY, "test": now - kept.keep_test_days * clock.DAY}
        for part in self._over("events", min(modes.values())):
            days.drop_events(self._store, part, modes)

    def _over(self, table: str, before: int) -> list[Part]:
        return [part for part in self._parts(table) if part.end <= before]

    def _missing(self, table: str) -> list[int]:
        parts = self._parts(table)
        return days.missing(parts, clock.now_ms()) if parts else []

    def _parts(self, table: str) -> list[Part]:
        with self._store.read() as connection:
            return queries.parts(connection, table)

    def _state(self, table: str) -> State:
        with self._store.read() as connection:
            divided, parts = queries.is_divided(connection, table), queries.parts(connection, table)
            names = [f"{table}_rest", *(part.name for part in parts)] if divided else [table]
            rows, sizes = zip(*(queries.size(connection, name) for name in names), strict=True)
            strays = queries.strays(connection, table, days.first(parts), limit=days.FEW + 1) if divided else ()
            half_done = divide.is_half_done(connection, table)
        return State(table, sum(rows), sum(sizes), divided, parts, len(strays), half_done)

    def _days_of_strays(self, table: str) -> Iterator[int]:
        with self._store.read() as connection:
            since = days.first(queries.parts(connection, table))
            while found := queries.strays(connection, table, since, limit=1):
                day = days.midnight(ids.moment(found[0]))
                yield day
                since = day + clock.DAY

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Neither the scheduler sees to the days, nor retention deletes, while the block lasts."""
        ends = time.monotonic() + _PATIENCE
        while True:
            with self._store.alone("retention", for_long=True) as mine:
                if mine:
                    yield
                    return
            if time.monotonic() > ends:
                raise Busy("Retention has been at work for long, or somebody else divides the tables. Try again later.")
            time.sleep(0.2)
