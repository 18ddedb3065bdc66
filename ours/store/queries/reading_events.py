"""Reads events for screens: a page of them in the order they occurred, or one with all it carries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, literal, select, text, tuple_

from ours.store.tables import destinations, events, sources, visitors
from ours.store.tables.types import Id

_e = events.c
_SHOWN = text("kind = 'track'")  # a literal: SQLite uses a partial index only when the query repeats its condition
_LISTED = (_e.id, _e.mode, _e.source_id, _e.name, _e.occurred_at, _e.received_at, _e.routed_at, _e.visitor_id,
           _e.owed, _e.refused)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a page is narrowed to. ``visitors`` are one visitor's ids: its own and those merged into it."""

    name_key: str | None = None
    source_id: int | None = None
    mode: str | None = None
    visitors: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


class Cursor(NamedTuple):
    """The edge of a page already seen; ``newer`` says on which side of it to go on."""

    occurred_at: int
    id: str
    newer: bool = False


def page(connection: Connection, narrowed: Narrowed, cursor: Cursor | None, limit: int) -> Sequence[Any]:
    """At most ``limit`` events next to the cursor, the newest first, without what is sealed."""
    edge = (_e.occurred_at, _e.id)
    query = select(*_LISTED).where(_SHOWN, *_conditions(narrowed)).limit(limit)
    if cursor is None:
        return connection.execute(query.order_by(*(column.desc() for column in edge))).all()
    here = tuple_(literal(cursor.occurred_at), literal(cursor.id, Id()))
    if cursor.newer:
        return connection.execute(query.where(tuple_(*edge) > here).order_by(*edge)).all()[::-1]
    return connection.execute(
        query.where(tuple_(*edge) < here).order_by(*(column.desc() for column in edge))
    ).all()  # fmt: skip


def _conditions(narrowed: Narrowed) -> Iterable[ColumnElement[bool]]:
    if narrowed.name_key is not None:
        yield _e.name_key == narrowed.name_key
    if narrowed.source_id is not None:
        yield _e.source_id == narrowed.source_id
    if narrowed.mode is not None:
        yield _e.mode == narrowed.mode
    if narrowed.since is not None:
        yield _e.occurred_at >= narrowed.since
    if narrowed.until is not None:
        yield _e.occurred_at < narrowed.until
    if len(narrowed.visitors) == 1:
        yield _e.visitor_id == narrowed.visitors[0]
    elif narrowed.visitors:
        yield _e.visitor_id.in_(narrowed.visitors)


def one(connection: Connection, event_id: str) -> Any | None:
    """The whole row, of either kind."""
    return connection.execute(select(events).where(_e.id == event_id)).one_or_none()


def payloads(connection: Connection, event_ids: Sequence[str]) -> dict[str, bytes]:
    """What is sealed, by event."""
    rows = connection.execute(select(_e.id, _e.payload).where(_e.id.in_(event_ids)))
    return {row.id: row.payload for row in rows}


def source_names(connection: Connection) -> dict[int, str]:
    """Deleted ones too: their events are still there."""
    return {row.id: row.name for row in connection.execute(select(sources.c.id, sources.c.name))}


def destination_names(connection: Connection) -> dict[int, str]:
    """Removed ones too: their dispatches are still there."""
    return {row.id: row.name for row in connection.execute(select(destinations.c.id, destinations.c.name))}


def merged_into(connection: Connection, visitor_id: str) -> tuple[str, ...]:
    """This visitor's id and those of all that were merged into it."""
    return (visitor_id, *connection.scalars(select(visitors.c.id).where(visitors.c.alias_of == visitor_id)))
