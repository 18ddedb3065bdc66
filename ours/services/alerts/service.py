"""Opens, closes and tells alerts. One process at a time does it; what was noticed and told is in the rows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ours import clock, log
from ours.core import subjects
from ours.core.concerns import Concern, News, remedy
from ours.errors import Busy
from ours.registry import Registry
from ours.services.alerts import telling
from ours.services.alerts.away import Away
from ours.services.alerts.channels import channels
from ours.services.alerts.marker import Marker
from ours.services.alerts.noticing import notice, unwritten
from ours.services.alerts.telling import AGAIN, Told
from ours.services.alerts.unwritten import Unwritten
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import alerts as queries
from ours.store.queries import counters, server

_logger = log.get("alerts")
_CALM = clock.MINUTE
"""It must be well for so long before an alert is closed; twice as long for each time that it was closed lately."""
_BETWEEN = clock.MINUTE
"""From one message to the next: where hundreds of destinations fail, they do so one after another."""
_LATELY, _MOST_DOUBLED = clock.HOUR, 5
_NO_TURN = "The database can't be written just now: whoever writes to it waits for another program."


@dataclass(frozen=True, slots=True)
class Alert:
    """Moments are milliseconds. ``problem``: why it could not be told by some channel the last time."""

    id: int
    kind: str
    subject: str
    words: str
    opened_at: int
    closed_at: int | None
    told_at: int | None
    problem: str | None

    @property
    def remedy(self) -> str:
        return remedy(self.kind)

    @property
    def destination_id(self) -> int | None:
        return subjects.destination_of(self.subject)


class Alerts:
    def __init__(
        self, store: Store, registry: Registry, settings: Settings, queue_reachable: Callable[[], bool]
    ) -> None:
        self._store = store
        self._registry = registry
        self._settings = settings
        self._away = Away(queue_reachable)
        self._unwritten = Unwritten(lambda news, to: self._send([news], to), Marker(settings.home))

    def run(self) -> None:
        """Look, and tell what is to be told.

        :raises Busy: when the database is away or takes no writes. That is told, too.
        """
        try:
            self._try_to_write()  # each process by itself: each has told that it could not
            with self._store.alone("alerts") as mine:
                if mine:
                    self._look()
                    self._tell()
        except Busy as error:
            self._unwritten.failed(unwritten(error, self._settings))
            raise
        self._unwritten.worked()

    def list(self, *, closed: bool = False, limit: int = 100) -> Sequence[Alert]:
        """Those that last, the oldest first; with ``closed``, the newest first and the past ones too."""
        with self._store.read() as connection:
            rows = queries.latest(connection, limit) if closed else queries.open_ones(connection)
        return [_alert(row) for row in rows]

    def test(self) -> Sequence[Told]:
        """Send a message by every channel; empty when none is set up."""
        words = "this is what an alert looks like. All is well."
        return self._send([News("test", "", "test", words, clock.now_ms())])

    def _try_to_write(self) -> None:
        """Most looks change nothing, and would not notice."""
        late = unwritten(Busy(_NO_TURN), self._settings)
        with self._unwritten.trying(late), self._store.write() as connection:
            server.be_let_in(connection)
            counters.note(connection, "alerts", clock.now_ms())

    def _look(self) -> None:
        now, found = clock.now_ms(), notice(self._store, self._registry, self._settings)
        with self._store.read() as connection:
            known, closed = queries.open_ones(connection), queries.closed_since(connection, now - _LATELY)
        found += self._away.notice(known=any(row.kind == "queue" for row in known))
        changes, new = _changes(known, found, now, Counter(closed)), _new(known, found, now)
        if not (changes or new):
            return
        with self._store.write() as connection:
            for alert_id, values in changes.items():
                queries.change(connection, alert_id, values)
            queries.insert_alerts(connection, new)
            queries.delete_closed(connection, now - self._settings.keep_audit_days * clock.DAY)
        for row in new:
            _logger.warning("alert_opened", kind=row["kind"], subject=row["subject"])

    def _tell(self) -> None:
        now, ways = clock.now_ms(), list(channels(self._settings))
        with self._store.read() as connection:
            rows = queries.due(connection, now, now + AGAIN) if ways else []
            last = queries.last_told(connection) if rows else None
        if not rows or (last is not None and 0 <= now - last < _BETWEEN):
            return
        told = telling.tell(ways, rows, now)
        with self._store.write() as connection:
            for row in rows:
                queries.change(connection, row.id, telling.after(row, told[row.id], now))

    def _send(self, news: Sequence[News], to: Collection[str] | None = None) -> Sequence[Told]:
        """By all channels, or by those of ``to``."""
        ways = channels(self._settings)
        return [telling.send(channel, news) for channel in ways if to is None or channel.name in to]


def _changes(
    known: Iterable[Any], found: Iterable[Concern], now: int, closed: Counter[tuple[str, str]]
) -> dict[int, dict[str, Any]]:
    """By alert, what is to be written down: its words are others, it is well, it is over.

    ``closed``: how often it was over lately. What comes and goes would else be told each time.
    """
    concerns = {(one.kind, one.subject): one for one in found}
    changes: dict[int, dict[str, Any]] = {}
    for row in known:
        concern = concerns.get((row.kind, row.subject))
        if concern:
            if row.well_at is not None or row.words != concern.words:
                changes[row.id] = {"well_at": None, "words": concern.words}
        elif row.well_at is None:
            changes[row.id] = {"well_at": now}
        elif not 0 <= now - row.well_at < _CALM << min(closed[row.kind, row.subject], _MOST_DOUBLED):
            changes[row.id] = {"closed_at": now, "missed": None, "due_at": now if row.told_at else None}
    return changes


def _new(known: Iterable[Any], found: Iterable[Concern], now: int) -> list[dict[str, Any]]:
    there = {(row.kind, row.subject) for row in known}
    fresh = {(one.kind, one.subject): one for one in found if (one.kind, one.subject) not in there}
    return [
        {"kind": one.kind, "subject": one.subject, "words": one.words, "opened_at": now, "due_at": now}
        for one in fresh.values()
    ]


def _alert(row: Any) -> Alert:
    return Alert(
        row.id, row.kind, row.subject, row.words, row.opened_at, row.closed_at, row.told_at, row.problem
    )  # fmt: skip
