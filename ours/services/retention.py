"""Deletes what has been kept for long enough, a little at a time; its figures live on in the ledger.

Each duty does one chunk, a short write transaction, and says whether there is more to do. They take turns until all
is done or the time is up, so that a large backlog of one neither starves the others nor holds up the stations.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlalchemy import Connection

from ours import clock, ids, log
from ours.core.retry import OPEN
from ours.services import tally
from ours.services.partitions import rows_until
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import ledger, partitions
from ours.store.queries import retention as queries
from ours.store.queries.retention import Aged, Tried

_logger = log.get("retention")
_CHUNK = 500
_WINDOW = 250
_REST = 60.0
_BREATH = 10.0
_FAR = clock.HOUR
_CAUTION = 3600.0

Duty = Callable[[int], bool]


class Retention:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._next = 0.0
        self._jumps = clock.Jumps()
        self._at_event: dict[str, str | None] = {}
        self._at_attempt: Tried | None = None
        self._at_orphan: dict[str, str | None] = {}

    def tick(self) -> None:
        """Run, if it is time: a minute after all was done, sooner when some was left.

        When the clock was set forward far, nothing is deleted for an hour: it may be wrong, and be set right again.
        """
        if self._jumps.since_last() > _FAR:
            _logger.warning("clock_was_set_forward", rests_seconds=_CAUTION)
            self._next = time.monotonic() + _CAUTION
        if time.monotonic() >= self._next:
            done = self.run()
            self._next = time.monotonic() + (_REST if done else _BREATH)

    def run(self, seconds: float = 1.0) -> bool:
        """Delete for about ``seconds`` at most; answers whether all is done. One process at a time does it.

        :raises Busy: when the database is away.
        """
        with self._store.alone("retention") as mine:
            return not mine or self._take_turns(time.monotonic() + seconds)

    def _take_turns(self, ends: float) -> bool:
        duties: deque[Duty] = deque(
            [self._expire_held, self._attempts, self._test_events, self._live_events, self._orphans, self._volumes,
             self._audit]
        )  # fmt: skip
        now = clock.now_ms()
        while duties and time.monotonic() < ends:
            duty = duties.popleft()
            if duty(now):
                duties.append(duty)
        return not duties

    def _expire_held(self, now: int) -> bool:
        with self._store.write() as connection:
            count = queries.expire_held(connection, _before(now, self._settings.keep_held_days), now, _CHUNK)
        if count:
            _logger.warning("held_expired", count=count)
        return count == _CHUNK

    def _attempts(self, now: int) -> bool:
        """Those of open dispatches stay: they are walked past, and looked at again on the next round."""
        with self._store.read() as connection:
            parts = partitions.parts(connection, "attempts")
            before = rows_until(parts, _before(now, self._settings.keep_attempts_days))
            rows = queries.tried(connection, before, self._at_attempt, _CHUNK)
        ended = [row for row in rows if row.state not in OPEN]
        if ended:
            with self._store.write() as connection:
                queries.delete_attempts(connection, ended)
        more = len(rows) == _CHUNK
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
        due = [row for row in rows if row.mode == mode and row.received_at < before and row.routed_at and not row.open]
        for part in _parts(due):
            self._delete(part)
        more = len(rows) == _WINDOW and rows[-1].received_at < before
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
        with self._store.write() as connection:
            closed = queries.lock_closed(connection, event_ids)
            ledger.add(connection, tally.of_events(queries.decisions(connection, closed)))
            ledger.add(connection, tally.of_dispatches(queries.states(connection, closed)))
            queries.delete_events(connection, closed)

    def _orphans(self, now: int) -> bool:
        """What is left of events that went with their whole day."""
        before = ids.floor(_before(now, max(self._settings.keep_events_days, self._settings.keep_test_days)))
        return any(self._orphans_in(table, before) for table in ("dispatches", "seen"))

    def _orphans_in(self, table: str, before: str) -> bool:
        with self._store.read() as connection:
            named = queries.named_events(connection, table, self._at_orphan.get(table), before, _WINDOW)
            gone = queries.gone(connection, set(named))
        if gone:
            with self._store.write() as connection:
                ledger.add(connection, tally.of_dispatches(queries.states(connection, gone)))
                queries.delete_events(connection, gone)
        more = len(named) == _WINDOW
        self._at_orphan[table] = named[-1] if more else None
        return more

    def _volumes(self, now: int) -> bool:
        with self._store.write() as connection:
            return queries.delete_volumes(connection, _before(now, self._settings.keep_audit_days), _CHUNK) >= _CHUNK

    def _audit(self, now: int) -> bool:
        with self._store.write() as connection:
            return queries.delete_audit(connection, _before(now, self._settings.keep_audit_days), _CHUNK) >= _CHUNK


def _before(now: int, days: int) -> int:
    return now - days * clock.DAY


def _parts(events: Iterable[Aged]) -> Iterator[list[str]]:
    """The events' ids, as many together as make one chunk of rows."""
    part: list[str] = []
    rows = 0
    for event in events:
        if part and rows + event.rows > _CHUNK:
            yield part
            part, rows = [], 0
        part.append(event.id)
        rows += event.rows
    if part:
        yield part
