"""Ends in the open what waits because it can't be opened and never will be; and takes that back.

What is held is stopped. An event that was set aside is routed as far as can be told without opening it: whose it is
nobody knows, and where it could have gone, its dispatch is stopped. So every decision has its reason, and retention
deletes all of it in its time.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ours import clock, log
from ours.core.reasons import ABANDONED
from ours.core.routing import Planned, Planner
from ours.errors import DAMAGED, KEY_MISSING, UNROUTABLE, Invalid, key_missing, missing_key
from ours.registry import Registry
from ours.services import audit, gates, owing
from ours.services.actors import Who, needs
from ours.services.replay import Filter, Replay
from ours.store import Store
from ours.store.queries import abandoning as queries
from ours.store.queries import backlog, dispatches, events, reading_events, sealed
from ours.store.queries.events import Routed

_logger = log.get("abandoning")
_CHUNK = 500
_REASON = re.compile(f"{DAMAGED}|{UNROUTABLE}|{KEY_MISSING}[0-9a-f]{{8}}")
_BLOCKING = ("visitors", "destinations")


@dataclass(frozen=True, slots=True)
class Loss:
    """What a destination does not get, of one mode: dispatches ``held``, and events set ``aside`` that it would be
    owed unless a rule stopped them."""

    destination_id: int
    destination: str
    mode: str
    held: int
    aside: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one reason, and since when (milliseconds). ``events``: how many are set aside, by mode.

    ``sealed``: how many visitors and destinations need the same key, so that what comes for them waits anew.
    """

    reason: str
    events: Mapping[str, int]
    losses: Sequence[Loss]
    oldest: int | None
    newest: int | None
    sealed: Mapping[str, int]

    @property
    def held(self) -> int:
        return sum(one.held for one in self.losses)

    def __bool__(self) -> bool:
        return bool(self.held or self.events)


class Moved(NamedTuple):
    """How many events and dispatches were abandoned, or taken back."""

    events: int
    dispatches: int


class Abandoning:
    """A reason is that of what waits: ``key_missing:ID``, ``damaged`` or ``unroutable``."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def preview(self, reason: str) -> Waiting:
        """:raises Invalid: when that is no such reason, or its key is in the ring."""
        _check(reason)
        if reason in map(key_missing, self._store.sealer.key_ids):
            raise Invalid(
                f"The secret key {missing_key(reason)} is in the key ring, so what waits for it resumes automatically."
            )
        with self._store.read() as connection:
            held, aside = queries.held(connection, reason), queries.aside(connection, reason)
            owed = self._owed(connection, aside)
            names = reading_events.destination_names(connection)
            still_sealed = self._sealed(connection, reason)
        waits = {(one.destination_id, one.mode): one.count for one in held}
        modes = Counter[str]()
        for kind in aside:
            modes[kind.mode] += kind.count
        return Waiting(
            reason,
            modes,
            [Loss(key[0], names[key[0]], key[1], waits.get(key, 0), owed[key]) for key in sorted({*waits, *owed})],
            min((one.oldest for one in (*held, *aside)), default=None),
            max((one.newest for one in (*held, *aside)), default=None),
            still_sealed,
        )

    @needs("admin")
    def run(self, reason: str, *, actor: Who) -> Moved:
        """Abandon what waits for that reason. Interrupt it as you like, and do it again.

        :raises Invalid: when that is no such reason, or its key is in the ring.
        """
        found = self.preview(reason)
        told = {"events": sum(found.events.values()), "dispatches": found.held,
                "destinations": sorted({one.destination_id for one in found.losses})}  # fmt: skip
        done = Counter[str]()
        for what, part in self._parts(found):
            moved = _CHUNK
            while moved == _CHUNK:
                with self._store.write() as connection:
                    moved = part(connection)
                    if moved and not done:
                        audit.record(connection, actor, "abandon", reason, told)
                done += Counter({what: moved})
        if done:
            _logger.warning("abandoned", reason=reason, **done)
        return Moved(done["events"], done["dispatches"])

    @needs("admin")
    def undo(self, reason: str, *, actor: Who) -> Moved:
        """Route what was abandoned unrouted, and replay what was held; what can't be opened even now waits again.

        :raises Invalid: when that is no such reason.
        """
        _check(reason)
        note, after, routed = ABANDONED + reason, None, 0
        while ids := self._noted(note, after):
            after = ids[-1]
            with self._store.write() as connection:
                moved = queries.unroute(connection, ids, note)
                if moved and not routed:
                    audit.record(connection, actor, "take_back", reason)
            routed += moved
        wanted = Filter(states=frozenset({"stopped"}), reason=note)
        return Moved(routed, Replay(self._store, self._registry).many(wanted, actor=actor))

    def _noted(self, note: str, after: str | None) -> list[str]:
        with self._store.read() as connection:
            return queries.noted(connection, note, after, _CHUNK)

    def _parts(self, found: Waiting) -> Iterator[tuple[str, Callable[[Connection], int]]]:
        """Of events and of dispatches: what ends a chunk of them, in the caller's transaction, and says how many."""
        yield "events", partial(self._end_aside, reason=found.reason)
        for place in sorted({one.destination_id for one in found.losses if one.held}):
            yield "dispatches", partial(_end_held, destination_id=place, reason=found.reason)

    def _end_aside(self, connection: Connection, reason: str) -> int:
        now, note = clock.now_ms(), ABANDONED + reason
        planner = Planner(gates.current(connection, self._registry, steady=True).values())
        routed, made = [], []
        for row in queries.next_aside(connection, reason, _CHUNK):
            plan = planner.plan(row.name, row.kind, row.mode, row.source_id, ())
            routed.append(Routed(row.id, None, plan.owed, plan.refused or None, note))
            made += [owing.dispatch(_ended(one, note), row.id, row.mode, now) for one in plan.dispatches]
        events.mark_routed(connection, routed, now)
        dispatches.insert_many(connection, made)
        return len(routed)

    def _owed(self, connection: Connection, aside: Sequence[Any]) -> Mapping[tuple[int, str], int]:
        """By destination and mode, how many of these events could have gone there."""
        planner = Planner(gates.current(connection, self._registry).values())
        owed: defaultdict[tuple[int, str], int] = defaultdict(int)
        for kind in aside:
            for one in planner.plan(kind.name, kind.kind, kind.mode, kind.source_id, ()).dispatches:
                if one.state != "stopped":
                    owed[one.destination_id, kind.mode] += kind.count
        return owed

    def _sealed(self, connection: Connection, reason: str) -> Mapping[str, int]:
        key_id = missing_key(reason)
        if key_id is None:
            return {}
        head = self._store.sealer.head_of(key_id)
        return {
            shelf.name: sealed.count(connection, shelf, head)[0] for shelf in sealed.SHELVES if shelf.name in _BLOCKING
        }


def _ended(planned: Planned, note: str) -> Planned:
    """What would have waited ends; what routing itself stops keeps its reason."""
    return planned if planned.state == "stopped" else Planned(planned.destination_id, "stopped", note)


def _end_held(connection: Connection, destination_id: int, reason: str) -> int:
    return backlog.stop_held(connection, destination_id, reason, ABANDONED + reason, clock.now_ms(), _CHUNK)


def _check(reason: str) -> None:
    if not _REASON.fullmatch(reason):
        raise Invalid(f"“{reason}” says of nothing why it can't be opened. `ours doctor` names the reasons there are.")
