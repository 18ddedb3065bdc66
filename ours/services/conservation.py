"""The continuous check of conservation: the balance again and again, and every event in turn, a slice at a time.

What was found is kept in rows, so that a restart goes on where it was, and every process sees the same.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection

from ours import clock, log
from ours.services.overview import struck
from ours.services.reconcile import Fault, Reconcile
from ours.store import Store
from ours.store.queries import checks as queries

_logger = log.get("conservation")
_REST = 60.0
_SLICE_REST = 5.0
_SHARE = 20
"""A check that takes long is followed by a rest so many times as long."""
_NAMED = 100
_NAME = "events"


@dataclass(frozen=True, slots=True)
class Watched:
    """What the checks found. ``at``: when the balance was struck last; None: not yet.

    ``faults`` are those of the last whole walk over all events and of the one under way, at most a hundred.
    ``events`` were looked at in the last whole walk, which ended at ``whole_at``.
    """

    at: int | None = None
    difference: int = 0
    faults: Sequence[Fault] = ()
    events: int = 0
    whole_at: int | None = None

    @property
    def sound(self) -> bool:
        return not (self.difference or self.faults)


@dataclass(slots=True)
class _Walk:
    """Where the walk from the newest event to the oldest stands."""

    place: str | None = None
    looked: int = 0
    found: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    events: int = 0
    whole_at: int | None = None

    def step(self, found: Sequence[Fault], size: int, place: str | None, now: int) -> None:
        self.found = [*self.found, *found][:_NAMED]
        self.looked += size
        self.place = place
        if place is None:
            self.faults, self.events, self.whole_at = self.found, self.looked, now
            self.found, self.looked = [], 0


class Conservation:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._reconcile = Reconcile(store)
        self._balance_due = 0.0
        self._slice_due = 0.0

    def tick(self) -> None:
        """Do what it is time for. One process at a time does it.

        :raises Busy: when the database is away.
        """
        with self._store.alone("conservation", for_long=True) as mine:
            if mine and time.monotonic() >= self._balance_due:
                self._balance_due = _timed(self.strike, _REST)
            if mine and time.monotonic() >= self._slice_due:
                self._slice_due = _timed(self.walk, _SLICE_REST)

    def strike(self) -> None:
        """Strike the balance, and write down the difference."""
        with self._store.read() as connection:
            found = struck.strike(connection)
        if difference := found.standing.balance.difference:
            _logger.error("balance_off", difference=difference)
        with self._store.write() as connection:
            struck.put(connection, found)

    def walk(self) -> None:
        """Compare the next slice of events with their dispatches; after the oldest the newest comes again."""
        with self._store.read() as connection:
            walk = _walk(connection)
        found, size, place = self._reconcile.slice(walk.place)
        for fault in found:
            _logger.error(
                "decision_at_fault", event_id=fault.event_id, destination=fault.destination_id, kind=fault.kind
            )
        walk.step(found, size, place, clock.now_ms())
        with self._store.write() as connection:
            queries.put(connection, _NAME, clock.now_ms(), orjson.dumps(_document(walk)).decode())

    def watched(self) -> Watched:
        with self._store.read() as connection:
            return watched(connection)


def watched(connection: Connection) -> Watched:
    """What was found last."""
    last, walk = struck.latest(connection), _walk(connection)
    at, difference = (last.standing.at, last.standing.balance.difference) if last else (None, 0)
    faults = list(dict.fromkeys([*walk.found, *walk.faults]))[:_NAMED]
    return Watched(at, difference, faults, walk.events, walk.whole_at)


def _walk(connection: Connection) -> _Walk:
    row = queries.latest(connection, _NAME)
    kept = orjson.loads(row.result) if row else {}
    for name in ("found", "faults"):
        kept[name] = [Fault(*one) for one in kept.get(name, ())]
    return _Walk(**kept)


def _document(walk: _Walk) -> dict[str, Any]:
    lists = {
        name: [[one.event_id, one.destination_id, one.kind] for one in getattr(walk, name)]
        for name in ("found", "faults")
    }
    return {"place": walk.place, "looked": walk.looked, "events": walk.events, "whole_at": walk.whole_at, **lists}


def _timed(work: Any, rest: float) -> float:
    """Do it; when it is due again."""
    begun = time.monotonic()
    work()
    ended = time.monotonic()
    return ended + max(rest, _SHARE * (ended - begun))
