"""The route station: whose is each accepted event, and which destinations is it owed to?

One router at a time for the whole installation, in order of acceptance: so the same events give the same visitors
whatever the batches, the workers and the crashes. What takes long is done before the write transaction. That one
does not wait for the disk (docs/adr/0017): what a power failure undoes of it is routed again.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row

from ours import log
from ours.core import governance, identity
from ours.core.governance import Rule
from ours.core.identity import Book, Facts, Record
from ours.core.mapping import context_of
from ours.core.routing import Plan, Planner
from ours.errors import UNROUTABLE, Busy, Unsealable
from ours.registry import Registry
from ours.services import gates, owing
from ours.services.opening import event_of, facts_of, visitor_of
from ours.services.rules.rulebook import Rulebook
from ours.store import Store, binding
from ours.store.queries import dispatches, events, moments, visitors
from ours.store.queries.events import Routed

_logger = log.get("route")
_BATCH = 500
_MOST_MADE = 4_000
"""So many dispatches are made in one transaction, for whoever stores an event waits for it."""
_LONGEST = 5.0
"""So long (seconds) events are looked at in one transaction: PostgreSQL ends one in which nothing is asked for 20 s."""


@dataclass(frozen=True, slots=True)
class _Resolved:
    """An event's row, whose it is, and the governance rules that fire for it."""

    row: Row[Any]
    visitor_id: str
    notes: list[str]
    fired: Sequence[Rule]


class _Read(NamedTuple):
    """Rows that were opened, what each says, and the visitors; ``unopened``: the others' ids, each with the reason."""

    rows: Sequence[Row[Any]]
    facts: Sequence[Facts]
    book: Book
    unopened: Mapping[str, str]


class Route:
    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._rulebook = Rulebook()
        self._places: float = math.inf  # destinations; not known before the first batch

    def run(self, limit: int = _BATCH) -> int:
        """Route up to ``limit`` of the events that wait, the oldest first; answers how many.

        One that can't be opened, or fails whatever is done with it, is set aside, and waits for the sweep to see that
        its key is back. 0 when another process is at it.

        :raises Busy: when the database is away.
        :raises Unsealable: when our secret keys are not this database's.
        """
        self._store.vouch()
        try:
            return self._alone(partial(events.unrouted, limit=limit))
        except Busy:
            raise
        except Exception:  # noqa: BLE001 - it is raised again unless single events are the cause
            with self._store.read() as connection:
                rows = events.unrouted(connection, limit)
            return self._one_by_one(rows)

    def _one_by_one(self, rows: Sequence[Row[Any]]) -> int:
        """A batch failed: let the event that makes it fail keep nobody behind it.

        Where each of several fails it is not them, so that they wait as they are.
        """
        failed: dict[str, Exception] = {}
        for row in rows:
            try:
                self._alone(partial(events.waiting, key=row.id))
            except Busy:
                raise
            except Exception as error:  # noqa: BLE001 - raised or logged below
                failed[row.id] = error
        if len(failed) == len(rows) > 1:
            raise failed[rows[0].id]
        for event_id, why in failed.items():
            _logger.error("unroutable", id=event_id, error=type(why).__name__, exc_info=why)
        with self._store.write(durable=False) as connection:
            events.set_aside(connection, dict.fromkeys(failed, UNROUTABLE))
        return len(rows)

    def _alone(self, find: Callable[[Connection], Sequence[Row[Any]]]) -> int:
        with self._store.surely_alone("route") as mine:
            return self._batch(find) if mine else 0

    def _batch(self, find: Callable[[Connection], Sequence[Row[Any]]]) -> int:
        with self._store.read() as connection:
            rows = self._fitting(connection, find(connection))
            if not rows:
                return 0
            rows, facts, book, unopened = self._read(connection, rows)
            rules = self._rulebook.refresh(connection)
        resolved = list(self._resolve(rows, facts, book, rules))
        sealed = self._sealed(book)
        with self._store.write(durable=False) as connection:
            self._save(connection, book, sealed)
            self._write_down(connection, resolved, moments.common(connection))
            events.set_aside(connection, unopened)
        if unopened:
            _logger.warning("unopened", events=len(unopened), reasons=dict(Counter(unopened.values())))
        return len(resolved) + len(unopened)

    def _resolve(
        self, rows: Sequence[Row[Any]], facts: Sequence[Facts], book: Book, rules: Sequence[Rule]
    ) -> Iterator[_Resolved]:
        """The first ones of them, one at least: as many as there is time for."""
        ends = time.monotonic() + _LONGEST
        for row, fact in zip(rows, facts, strict=True):
            visitor_id, notes = identity.resolve(book, fact)
            fired = self._fired(rules, row, book.visitor(visitor_id)) if rules else ()
            yield _Resolved(row, visitor_id, notes, fired)
            if time.monotonic() >= ends:
                return

    def _fitting(self, connection: Connection, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """As many of these, the first ones, as make no more dispatches than one transaction should; one at least."""
        if len(rows) * self._places <= _MOST_MADE:
            return rows
        planner = Planner(gates.current(connection, self._registry).values())
        plans = (planner.plan(row.name, row.kind, row.mode, row.source_id, ()) for row in rows)
        made = accumulate(len(plan.dispatches) for plan in plans)
        return rows[: max(sum(1 for _ in takewhile(lambda count: count <= _MOST_MADE, made)), 1)]

    def _read(self, connection: Connection, rows: Sequence[Row[Any]]) -> "_Read":
        """Open the events with the visitors that they name; by id, why an event can't be: it is set aside."""
        with suppress(Unsealable):
            facts = [facts_of(row, self._store.sealer) for row in rows]
            return _Read(rows, facts, self._load(connection, facts), {})
        unopened = {row.id: reason for row in rows if (reason := self._unopened(connection, row))}
        rows = [row for row in rows if row.id not in unopened]
        facts = [facts_of(row, self._store.sealer) for row in rows]
        return _Read(rows, facts, self._load(connection, facts), unopened)

    def _unopened(self, connection: Connection, row: Row[Any]) -> str | None:
        try:
            self._load(connection, [facts_of(row, self._store.sealer)])
        except Unsealable as error:
            return error.reason
        return None

    def _fired(self, rules: Sequence[Rule], row: Row[Any], visitor: Record | None) -> Sequence[Rule]:
        """What the rules say of the event and of its visitor as known with this event."""
        profile = visitor.profile if visitor else {}
        return governance.fired(rules, context_of(event_of(row, self._store.sealer), visitor_of(profile)))

    def _load(self, connection: Connection, facts: Sequence[Facts]) -> Book:
        lookup = cache(self._store.lookup)  # an event's hashes are asked for when it is loaded and when it is resolved
        needs = identity.needs(facts, lookup)
        held = visitors.holders(connection, needs.identifiers)
        book = Book(lookup, self._records(connection, needs.visitors | set(held.values())), held)
        while wanted := book.wanted():
            found = self._records(connection, wanted)
            if not found:
                break
            book.add(found)
        return book

    def _records(self, connection: Connection, visitor_ids: set[str]) -> list[Record]:
        return [
            Record(
                id=row.id,
                mode=row.mode,
                born=row.born,
                created_at=row.created_at,
                seen_at=row.seen_at,
                profile=orjson.loads(self._store.sealer.open(row.profile, binding.visitor(row.id))),
                alias_of=row.alias_of,
            )
            for row in visitors.by_id(connection, visitor_ids)
        ]

    def _sealed(self, book: Book) -> list[dict[str, Any]]:
        return [
            {
                "id": record.id,
                "mode": record.mode,
                "born": record.born,
                "alias_of": record.alias_of,
                "created_at": record.created_at,
                "seen_at": record.seen_at,
                "profile": self._store.sealer.seal_json(record.profile, binding.visitor(record.id)),
            }
            for record in book.changes().visitors
        ]

    def _save(self, connection: Connection, book: Book, sealed: Sequence[dict[str, Any]]) -> None:
        changes = book.changes()
        visitors.save(connection, sealed)
        visitors.hold(connection, [holding._asdict() for holding in changes.holdings])
        visitors.absorb(connection, changes.absorbed)

    def _write_down(self, connection: Connection, resolved: Sequence[_Resolved], now: int) -> None:
        """The destinations are held still in this transaction, so that none changes its status in between."""
        known = gates.current(connection, self._registry, steady=True)
        self._places = len(known)
        ordered = {one.destination_id for one in known.values() if one.ordered}
        planner = Planner(known.values())
        routed, made = [], []
        for item in resolved:
            row = item.row
            plan = planner.plan(row.name, row.kind, row.mode, row.source_id, item.fired)
            routed.append(_routed(item, plan))
            for planned in plan.dispatches:
                lane = item.visitor_id if planned.destination_id in ordered else None
                made.append(owing.dispatch(planned, row.id, row.mode, now, lane))
        events.mark_routed(connection, routed, now)
        dispatches.insert_many(connection, made)


def _routed(item: _Resolved, plan: Plan) -> Routed:
    return Routed(item.row.id, item.visitor_id, plan.owed, plan.refused or None, ",".join(item.notes) or None)
