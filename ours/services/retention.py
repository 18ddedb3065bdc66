"""Deletes what has been kept for long enough, a little at a time; its figures live on in the ledger.

Each duty does a few chunks, short write transactions, and says whether there is more to do. They take turns until all
is done or the time is up, so that a large backlog of one does not starve the others. A chunk is as large as a moment
allows, and after each there is a rest: whoever stores an event waits for a moment at most. How long it is, ``Clearing``
says by how much comes in and how much is overdue. Nobody waits for the disk: what a power failure undoes is deleted
again. Measured in ``docs/profiles.md``.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, takewhile

from sqlalchemy import Connection

from ours import clock, ids, log
from ours.core.clearing import MOST, Clearing
from ours.core.retry import OPEN
from ours.services import caution, tally
from ours.services.partitions import rows_until
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import ledger, moments, partitions
from ours.store.queries import retention as queries
from ours.store.queries.retention import Aged, Tried

_logger = log.get("retention")
_WINDOW = 250
_LOOK_BACK = 10 * clock.SECOND
_REST = 60.0

Duty = Callable[[int], bool]


class Retention:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._next = 0.0
        self._caution = caution.Caution(store)
        self._at_event: dict[str, str | None] = {}
        self._at_attempt: Tried | None = None
        self._at_orphan: dict[str, str | None] = {}
        self._clearing: defaultdict[str, Clearing] = defaultdict(Clearing)
        self._stop = threading.Event()

    def tick(self, stop: threading.Event | None = None) -> None:
        """Run, if it is time: a minute after all was done, at once when some was left.

        When the clock was set forward far, or nothing ran for long, nothing is deleted for an hour.

        :raises Busy: when the database is away.
        """
        if self._caution.is_due():
            _logger.warning("deletion_rests", seconds=caution.SECONDS, reason=caution.REASON)
            self._next = time.monotonic() + caution.SECONDS
        self._caution.note_rest()
        if time.monotonic() >= self._next:
            done = self.run(stop=stop)
            self._caution.note_round()
            self._next = time.monotonic() + (_REST if done else 0)

    def run(self, seconds: float = 3.0, stop: threading.Event | None = None) -> bool:
        """Delete for about ``seconds`` at most, or until ``stop``; answers whether all is done. One process at a time
        does it.

        :raises Busy: when the database is away.
        """
        self._stop = stop or threading.Event()
        with self._store.alone("retention") as mine:
            return not mine or self._take_turns(time.monotonic() + seconds)

    def _take_turns(self, ends: float) -> bool:
        settings = self._settings
        plain = {"volumes": settings.keep_audit_days, "refusals": settings.keep_attempts_days,
                 "audit": settings.keep_audit_days}  # fmt: skip
        duties: deque[Duty] = deque(
            [self._expire_held, self._attempts, self._test_events, self._live_events, self._orphans,
             *(partial(self._oldest, what, days) for what, days in plain.items())]
        )  # fmt: skip
        now = self._look()
        while duties and time.monotonic() < ends and not self._stop.is_set():
            duty = duties.popleft()
            if duty(now):
                duties.append(duty)
        return not duties

    def _look(self) -> int:
        """How much comes in just now; and when that is."""
        with self._store.read() as connection:
            now = moments.earlier(connection)
            came, tried = queries.came_since(connection, now - _LOOK_BACK)
        for what, count in (("events", came), ("orphans", came), ("attempts", tried)):
            self._clearing[what].begin(count * clock.SECOND / _LOOK_BACK, time.monotonic())
        return now

    def _expire_held(self, now: int) -> bool:
        with self._chunk("held") as (connection, most):
            count = queries.expire_held(connection, _before(now, self._settings.keep_held_days), now, most)
        if count:
            _logger.warning("held_expired", count=count)
        return count == most

    def _attempts(self, now: int) -> bool:
        """Those of open dispatches stay: they are walked past, and looked at again on the next round."""
        with self._store.read() as connection:
            parts = partitions.parts(connection, "attempts")
            before = rows_until(parts, _before(now, self._settings.keep_attempts_days))
            rows = queries.tried(connection, before, self._at_attempt, _WINDOW)
        more = len(rows) == _WINDOW
        self._clearing["attempts"].look([row.started_at for row in rows], before, more=more)
        ended = [row for row in rows if row.state not in OPEN]
        while ended and not self._stop.is_set():
            part, ended = ended[: (most := self._clearing["attempts"].rows)], ended[most:]
            with self._chunk("attempts", len(part)) as (connection, _):
                queries.delete_attempts(connection, part)
        self._at_attempt = rows[-1] if more else None
        return more

    def _test_events(self, now: int) -> bool:
        return self._events("test", now)

    def _live_events(self, now: int) -> bool:
        return self._events("live", now)

    def _events(self, mode: str, now: int) -> bool:
        """Walk on through the events, the oldest first, as far as they are old enough; then begin anew."""
        with self._store.read() as connection:
            before = self._rows_until(connection, mode, now)
            rows = queries.aged(connection, self._at_event.get(mode), _WINDOW, test_only=mode == "test")
        more = len(rows) == _WINDOW and rows[-1].received_at < before
        self._clearing["events"].look([row.received_at for row in rows], before, more=more)
        due = [row for row in rows if row.mode == mode and row.received_at < before and row.routed_at and not row.open]
        while due and not self._stop.is_set():
            part, due = _part(due, self._clearing["events"].rows)
            self._delete(part)
        self._at_event[mode] = rows[-1].id if more else None
        return more

    def _rows_until(self, connection: Connection, mode: str, now: int) -> int:
        """Days are dropped when both modes' time is over, so the one that is kept for longer may wait for that."""
        days = {"live": self._settings.keep_events_days, "test": self._settings.keep_test_days}
        before = _before(now, days[mode])
        if days[mode] < max(days.values()):
            return before
        return rows_until(partitions.parts(connection, "events"), before)

    def _delete(self, event_ids: Sequence[str]) -> None:
        with self._chunk("events", len(event_ids)) as (connection, _):
            routed = {event.id: event for event in queries.lock_routed(connection, event_ids)}
            owed = queries.owed(connection, routed)
            still_open = {dispatch.event_id for dispatch in owed if dispatch.state in OPEN}
            closed = sorted(routed.keys() - still_open)
            theirs = [dispatch for dispatch in owed if dispatch.event_id not in still_open]
            ledger.add(connection, tally.of_events(routed[one] for one in closed) + tally.of_dispatches(theirs))
            queries.delete_events(connection, closed, [dispatch.id for dispatch in theirs])

    def _orphans(self, now: int) -> bool:
        """What is left of events that went with their whole day."""
        before = ids.floor(_before(now, max(self._settings.keep_events_days, self._settings.keep_test_days)))
        return any(self._orphans_in(table, before) for table in ("dispatches", "seen"))

    def _orphans_in(self, table: str, before: str) -> bool:
        with self._store.read() as connection:
            named = queries.named_events(connection, table, self._at_orphan.get(table), before, _WINDOW)
            gone = queries.gone(connection, set(named))
        more = len(named) == _WINDOW
        self._clearing["orphans"].look([ids.moment(one) for one in named], ids.moment(before), more=more)
        if gone:
            with self._chunk("orphans", len(gone)) as (connection, _):
                theirs = queries.owed(connection, gone)
                ledger.add(connection, tally.of_dispatches(theirs))
                queries.delete_events(connection, gone, [dispatch.id for dispatch in theirs])
        self._at_orphan[table] = named[-1] if more else None
        return more

    def _oldest(self, what: str, days: int, now: int) -> bool:
        """Of a table on which nothing hangs."""
        with self._chunk(what) as (connection, most):
            return queries.delete_oldest(connection, what, _before(now, days), most) >= most

    @contextmanager
    def _chunk(self, what: str, count: int = MOST) -> Iterator[tuple[Connection, int]]:
        """A write transaction for ``count`` of them, and how many rows it may delete; then a rest."""
        clearing = self._clearing[what]
        with self._store.write(durable=False) as connection:
            begun = time.monotonic()
            yield connection, clearing.rows
        ended = time.monotonic()
        self._stop.wait(clearing.rest_after(ended - begun, count, ended))


def _before(now: int, days: int) -> int:
    return now - days * clock.DAY


def _part(events: list[Aged], most: int) -> tuple[list[str], list[Aged]]:
    """The ids of as many events as make one chunk of rows, one event at least; and the other events."""
    sums = accumulate(event.rows for event in events)
    count = max(sum(1 for _ in takewhile(lambda rows: rows <= most, sums)), 1)
    return [event.id for event in events[:count]], events[count:]
