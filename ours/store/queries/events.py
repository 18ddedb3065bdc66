"""Takes events in, hands the unrouted ones out, and writes down where each one went."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, text

from ours.store import bulk
from ours.store.hand import Prepared
from ours.store.tables import events, seen

__all__ = ["Connection", "First", "NewEvent", "Routed", "count_unrouted", "insert_new", "mark_routed", "unrouted"]


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
    visitor: str
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
    return own if claimed == len(own) else _holders(connection, list(own))


_SEEN = Prepared(select(seen.c.hash, seen.c.event_id, seen.c.content))


def _holders(connection: Connection, hashes: Sequence[str]) -> dict[str, First]:
    return {row.hash: First(row.event_id, row.content) for row in _SEEN.among(connection, "hash", hashes)}


_UNROUTED = Prepared(
    select(events.c.id, events.c.kind, events.c.mode, events.c.source_id, events.c.name, events.c.name_key,
           events.c.occurred_at, events.c.received_at, events.c.payload)
    .where(text("routed_at IS NULL"))
    .order_by(events.c.id)
    .limit(bindparam("most"))
)  # fmt: skip

_MARK = "UPDATE events SET visitor_id = {}, owed = {}, refused = {}, notes = {}, routed_at = {} WHERE id = {}"


def unrouted(connection: Connection, limit: int) -> Sequence[Any]:
    """The oldest events that wait to be routed, in order of acceptance."""
    return _UNROUTED.all(connection, most=limit)


def any_unrouted(connection: Connection) -> bool:
    return connection.scalar(select(events.c.id).where(text("routed_at IS NULL")).limit(1)) is not None


_READ = Prepared(
    select(
        events.c.id, events.c.name, events.c.occurred_at, events.c.received_at, events.c.payload, events.c.visitor_id
    )
)


def by_id(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """What is read of these events to deliver them, by their ids."""
    return {row.id: row for row in _READ.among(connection, "id", ids)}


def count_unrouted(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(events).where(text("routed_at IS NULL"))) or 0


def mark_routed(connection: Connection, rows: Sequence[Routed], now: int) -> None:
    bulk.repeat(connection, _MARK, [(row.visitor, row.owes, row.refuses, row.says, now, row.key) for row in rows])
