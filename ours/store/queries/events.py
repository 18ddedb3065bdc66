"""Takes events in, hands the unrouted ones out, and writes down where each one went."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Text, and_, bindparam, func, literal, select, tuple_, update

from ours.errors import Busy
from ours.store import bulk
from ours.store.hand import Prepared
from ours.store.tables import events, seen
from ours.store.tables.events import STILL_UNROUTED, UNROUTED
from ours.store.tables.types import Id

__all__ = ["FIRST_ASIDE", "WAITS", "Aside", "Connection", "First", "NewEvent", "Routed", "aside", "aside_after",
           "count_unrouted", "holders", "insert_new", "mark_routed", "set_aside", "take_back", "unrouted"]  # fmt: skip


class NewEvent(NamedTuple):
    """An event's row before it is stored. ``hash`` and ``content`` guard against taking it twice (empty: no guard)."""

    id: str
    kind: str
    mode: str
    source_id: int
    name: str
    name_key: str
    occurred_at: int
    received_at: int
    payload: bytes
    hash: str
    content: str


_FREE = "ON CONFLICT DO NOTHING"
_STORED = NewEvent._fields.index("hash")  # what comes before is the event's row


class First(NamedTuple):
    """Which event was the first with a distinctId, and the hash of what it said."""

    event_id: str
    content: str


class Routed(NamedTuple):
    """What the route station writes into an event's row."""

    key: str
    visitor: str | None
    owes: int
    refuses: str | None
    says: str | None


def insert_new(connection: Connection, rows: Sequence[NewEvent]) -> dict[str, First]:
    """Store the rows that nobody stored before; answers the first holder of each guarded hash."""
    own: dict[str, First] = {}
    for row in rows:
        if row.hash:
            own.setdefault(row.hash, First(row.id, row.content))
    firsts = _claim(connection, rows[0].received_at, own) if own else own
    fresh = [row[:_STORED] for row in rows if not row.hash or firsts[row.hash].event_id == row.id]
    bulk.insert(connection, "events", NewEvent._fields[:_STORED], fresh)
    return firsts


def _claim(connection: Connection, when: int, own: dict[str, First]) -> dict[str, First]:
    """Claim the hashes that are free; answers who holds each now.

    Sorted, so that two processes can't wait for each other in a ring.
    """
    values = [(hash_, first.event_id, first.content, when) for hash_, first in sorted(own.items())]
    claimed = bulk.insert(connection, "seen", ("hash", "event_id", "content", "received_at"), values, _FREE)
    return own if claimed == len(own) else holders(connection, list(own))


_SEEN = Prepared(select(seen.c.hash, seen.c.event_id, seen.c.content))


def holders(connection: Connection, hashes: Sequence[str]) -> dict[str, First]:
    """Which event came first with each of these guarded hashes."""
    return {row.hash: First(row.event_id, row.content) for row in _SEEN.among(connection, "hash", hashes)}


WAITS = and_(UNROUTED, events.c.notes.is_(None))
"""For the router; what was set aside does not."""
_ASIDE = and_(UNROUTED, events.c.notes.is_not(None))
_IN_ORDER = (events.c.notes, events.c.id)  # of the index: PostgreSQL would sort by the id alone
_WAITING = select(events.c.id, events.c.kind, events.c.mode, events.c.source_id, events.c.name, events.c.name_key,
                  events.c.occurred_at, events.c.received_at, events.c.payload)  # fmt: skip
_NEXT = Prepared(_WAITING.where(WAITS).order_by(*_IN_ORDER).limit(bindparam("most")))

_MARK = (
    "UPDATE events SET visitor_id = {}, owed = {}, refused = {}, notes = {}, routed_at = {}"
    " WHERE id = {} AND (routed_at IS NULL) IS TRUE"
)


def unrouted(connection: Connection, limit: int) -> Sequence[Any]:
    """The oldest events that wait to be routed, in order of acceptance."""
    return _NEXT.all(connection, most=limit)


def waiting(connection: Connection, key: str) -> Sequence[Any]:
    """This event, if it still waits to be routed."""
    query = _WAITING.where(events.c.id == key, STILL_UNROUTED, events.c.notes.is_(None))
    return connection.execute(query).all()


def any_unrouted(connection: Connection) -> bool:
    """Whether any waits to be routed; what was set aside does not."""
    return connection.scalar(_first(events.c.id)) is not None


def oldest_unrouted(connection: Connection) -> int | None:
    """When the event was received that has waited longest to be routed."""
    found: int | None = connection.scalar(_first(events.c.received_at))
    return found


def _first(column: Any) -> Select[Any]:
    return select(column).where(WAITS).order_by(*_IN_ORDER).limit(1)


def set_aside(connection: Connection, reasons: Mapping[str, str]) -> None:
    """Let these wait apart, each for its reason, until ``take_back``; they are unrouted all the same."""
    if reasons:
        values = [{"key": key, "why": why} for key, why in sorted(reasons.items())]
        connection.execute(_SET_ASIDE, values)


_SET_ASIDE = update(events).where(events.c.id == bindparam("key"), STILL_UNROUTED).values(notes=bindparam("why"))


class Aside(NamedTuple):
    """An event that was set aside, and the code of the reason; in the order in which they are kept."""

    reason: str
    id: str


FIRST_ASIDE = Aside("", "0" * 32)
"""Comes before all."""


def aside(connection: Connection) -> dict[str, int]:
    """How many events are set aside, by reason."""
    query = select(events.c.notes, func.count()).where(_ASIDE).group_by(events.c.notes)
    return {row[0]: row[1] for row in connection.execute(query)}


def aside_after(connection: Connection, after: Aside, limit: int) -> list[Aside]:
    """The next that are set aside."""
    later = tuple_(*_IN_ORDER) > tuple_(literal(after.reason, Text), literal(after.id, Id))
    query = select(*_IN_ORDER).where(_ASIDE, later).order_by(*_IN_ORDER).limit(limit)
    return [Aside(*row) for row in connection.execute(query)]


def take_back(connection: Connection, ids: Sequence[str]) -> None:
    """Let these, which were set aside, wait to be routed again."""
    connection.execute(update(events).where(events.c.id.in_(ids), STILL_UNROUTED).values(notes=None))


_READ = Prepared(
    select(
        events.c.id,
        events.c.name,
        events.c.occurred_at,
        events.c.received_at,
        events.c.payload,
        events.c.visitor_id,
        events.c.source_id,
    )
)


def by_id(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """What is read of these events to deliver them, by their ids."""
    return {row.id: row for row in _READ.among(connection, "id", ids)}


def count_unrouted(connection: Connection) -> int:
    """How many wait to be routed, counted in the index alone; what was set aside does not."""
    return connection.scalar(select(func.count()).select_from(events).where(WAITS)) or 0


def mark_routed(connection: Connection, rows: Sequence[Routed], now: int) -> None:
    """:raises Busy: when one of them is routed already, by a process that had the lock which this one lost."""
    values = [(row.visitor, row.owes, row.refuses, row.says, now, row.key) for row in rows]
    if bulk.repeat(connection, _MARK, values) < len(rows):
        raise Busy("Another process routed the same events meanwhile. They are left as it made them.")
