"""Reads the figures: what was counted, and the few minutes since; what is open now; what this process can see."""

import math
import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection

from ours import __version__, clock
from ours.errors import Busy
from ours.queue import Queue
from ours.registry import Registry
from ours.services.metrics.counting import COUNTED, SCHEDULER
from ours.services.overview import struck
from ours.services.unavailable import Unavailable
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import counters, events, moments, reading_figures, snapshot, sources
from ours.store.queries.counters import BOUNDS, Counted

_FRESH, _STALE = 5.0, 60.0
_REST_FOR_WORK = 20.0
_PATIENCE = 7.0
"""Seconds; a monitor that has no answer after ten takes us for dead."""
_MB = 1024 * 1024
_BREAKER = {"closed": 0, "half_open": 1, "open": 2}
_HISTOGRAMS = {"attempts": "attempt_seconds", "delays": "delivery_seconds"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric. A histogram's is the sum, and ``buckets`` are the counts up to each bound in seconds."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()
    buckets: Sequence[tuple[str, int]] = field(default=())


_AWAY = Sample("database_up", 0)


class Metrics:
    def __init__(
        self, store: Store, registry: Registry, queue: Queue, settings: Settings, unavailable: Unavailable
    ) -> None:
        self._store = store
        self._registry = registry
        self._queue = queue
        self._settings = settings
        self._unavailable = unavailable
        self._lock = threading.Lock()
        self._reading: Future[list[Sample]] | None = None
        self._last: tuple[float, list[Sample]] = -math.inf, []

    def read(self) -> Sequence[Sample]:
        """All samples. What rows say is remembered for five seconds, or twenty times as long as it took to read it,
        but a minute at most: it may have taken long because the database hung.

        While that takes longer than seven seconds, the last ones are told, for a minute more at most. When the database
        is away, or says nothing for as long, those that this process knows by itself.
        """
        try:
            rows = self._latest().result(_PATIENCE)
        except TimeoutError:
            due, last = self._last
            rows = last if time.monotonic() < due + _STALE else [_AWAY]
        return [*rows, *self._from_here()]

    def _latest(self) -> Future[list[Sample]]:
        """What was read last, or is being read: in a thread of its own, for it may be waited for longer than we do."""
        with self._lock:
            if self._reading is None or (self._reading.done() and time.monotonic() >= self._last[0]):
                reading = Future[list[Sample]]()
                threading.Thread(target=self._look, args=(reading,), name="metrics", daemon=True).start()
                self._reading = reading  # of one that could not be begun nobody would ever hear
            return self._reading

    def _look(self, reading: Future[list[Sample]]) -> None:
        begun = time.monotonic()
        try:
            rows = self._from_rows_if_there()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            reading.set_exception(error)
            return
        now = time.monotonic()
        self._last = now + min(max(_FRESH, _REST_FOR_WORK * (now - begun)), _STALE), rows
        reading.set_result(rows)

    def _from_rows_if_there(self) -> list[Sample]:
        try:
            with self._store.read() as connection:
                snapshot.steady(connection)
                return [*self._from_rows(connection), Sample("database_up", 1)]
        except Busy:
            return [_AWAY]

    def _from_rows(self, connection: Connection) -> Iterator[Sample]:
        now = moments.common(connection)
        tail = counters.between(connection, counters.noted(connection, COUNTED), now)
        counted = [*counters.kept(connection), *tail]
        places = reading_figures.oldest_due(connection)
        names = _Names(connection, places)
        yield from _totals(counted, names)
        yield from _histograms(counted, names)
        yield from _open(connection, names)
        for place in places:
            label = (names.destination(place.id),)
            yield Sample("dispatches_due_age_seconds", _age(place.due_at, now), label)
            yield Sample("breaker_state", _BREAKER[place.breaker], label)
            yield Sample("destination_on", place.status == "on", (*label, place.status))
            yield Sample("destination_plugin_loaded", self._registry.plugin(place.slug) is not None, label)
        yield Sample("events_unrouted", events.count_unrouted(connection))
        yield Sample("events_unrouted_age_seconds", _age(events.oldest_unrouted(connection), now))
        if seen := counters.noted(connection, SCHEDULER):
            yield Sample("scheduler_age_seconds", _age(seen, now))
        yield from _balance(connection, now)

    def _from_here(self) -> Iterator[Sample]:
        for reason, count in self._unavailable.counts().items():
            yield Sample("requests_unavailable_total", count, (reason,))
        yield Sample("queue_up", self._queue.reachable())
        yield Sample("disk_free_bytes", shutil.disk_usage(self._settings.home).free)
        yield Sample("disk_least_bytes", self._settings.min_free_mb * _MB)
        yield Sample("backlog_most", self._settings.max_backlog)
        yield Sample("plugins_loaded", len(self._registry.loaded))
        yield Sample("plugins_set_aside", len(self._registry.set_aside))
        yield Sample("info", 1, (__version__,))


class _Names:
    """Sources and destinations as ``NUMBER NAME``; those that are gone as their number."""

    def __init__(self, connection: Connection, places: Iterable[Any]) -> None:
        self._sources = {row.id: row.name for row in sources.names(connection)}
        self._destinations = {row.id: row.name for row in places}

    def source(self, number: int) -> str:
        return f"{number} {self._sources.get(number, '')}".strip()

    def destination(self, number: int) -> str:
        return f"{number} {self._destinations.get(number, '')}".strip()


def _totals(counted: Iterable[Counted], names: _Names) -> Iterator[Sample]:
    totals: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for one in counted:
        if one.name == "events":
            totals[f"events_{one.what}_total", (names.source(one.of), one.mode)] += one.count
        elif one.name == "attempts":
            totals["attempts_total", (names.destination(one.of), one.mode, one.what)] += one.count
    yield from (Sample(name, value, labels) for (name, labels), value in totals.items())


def _histograms(counted: Iterable[Counted], names: _Names) -> Iterator[Sample]:
    grouped: defaultdict[tuple[str, tuple[str, str]], list[Counted]] = defaultdict(list)
    for one in counted:
        if one.name in _HISTOGRAMS:
            grouped[_HISTOGRAMS[one.name], (names.destination(one.of), one.mode)].append(one)
    for (name, labels), parts in grouped.items():
        yield Sample(name, sum(part.total for part in parts) / clock.SECOND, labels, _buckets(parts))


def _buckets(parts: Iterable[Counted]) -> list[tuple[str, int]]:
    """The count up to each bound, that in the last bucket is all."""
    counts: Counter[int] = Counter()
    for part in parts:
        counts[part.bucket] += part.count
    bounds = [*(f"{bound / clock.SECOND:g}" for bound in BOUNDS), "+Inf"]
    running = 0
    return [(bound, running := running + counts[place]) for place, bound in enumerate(bounds)]


def _balance(connection: Connection, now: int) -> Iterator[Sample]:
    if last := struck.latest(connection):
        balance = last.standing.balance
        yield Sample("balance_age_seconds", _age(last.standing.at, now))
        yield Sample("balance_difference", balance.difference)
        yield from (Sample("balance", count, (name,)) for name, count in asdict(balance).items())


def _open(connection: Connection, names: _Names) -> Iterator[Sample]:
    for row in reading_figures.open_states(connection):
        yield Sample("dispatches_open", row.count, (names.destination(row.destination_id), row.mode, row.state))


def _age(moment: int | None, now: int) -> float:
    """Seconds since then; 0 when there is nothing, or it lies ahead."""
    return 0.0 if moment is None else max(0, now - moment) / clock.SECOND
