"""Counts for screens: where dispatches stand, what routed events owe, how much came in."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, Select, Table, func, literal_column, select

from ours.store.tables import destinations, dispatches, events, volumes
from ours.store.tables.dispatches import OPEN_PARTS, WAITING

_d, _e = dispatches.c, events.c
_ROW = literal_column("rowid", Integer)
_PART = 50_000
"""So many of SQLite's rows are grouped at a time."""


def states(connection: Connection) -> Sequence[Any]:
    """How many dispatches of each destination and mode are in each state; to be summed, as ``_in_parts`` says."""
    groups = (_d.destination_id, _d.mode, _d.state)
    query = select(*groups, func.count().label("count"))
    return list(_in_parts(connection, dispatches, query.group_by(*groups)))


def decisions(connection: Connection) -> Sequence[Any]:
    """Events counted by kind, by whether they are routed and by who refused them, with the decisions they owe; to be
    summed, as ``_in_parts`` says."""
    groups = (_e.kind, _e.routed_at.is_not(None).label("is_routed"), _e.refused)
    query = select(*groups, func.count().label("count"), func.sum(_e.owed).label("owed"))
    return list(_in_parts(connection, events, query.group_by(*groups)))


def _in_parts(connection: Connection, table: Table, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query that groups all of a table. On SQLite a group may come several times, each with a part.

    SQLite sorts what it groups, and keeps all of that in memory: some 75 MB for a million rows.
    """
    if connection.dialect.name != "sqlite":
        yield from connection.execute(query)
        return
    oldest, newest = (connection.scalar(select(end(_ROW)).select_from(table)) or 0 for end in (func.min, func.max))
    for start in range(oldest, newest + 1, _PART):
        yield from connection.execute(query.where(_ROW.between(start, start + _PART - 1)))


def replays(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(dispatches).where(_d.replay_of.is_not(None))) or 0


def count_destinations(connection: Connection) -> int:
    """Those that exist now: routing decides about each of them."""
    query = select(func.count()).select_from(destinations).where(destinations.c.status != "removed")
    return connection.scalar(query) or 0


def received(connection: Connection, since: int, step: int) -> Sequence[Any]:
    """Received and rejected since then by source, mode and stretch of ``step`` milliseconds."""
    start = (volumes.c.minute - volumes.c.minute % step).label("start")
    figures = [func.sum(volumes.c[name]).label(name) for name in ("received", "rejected")]
    groups = (volumes.c.source_id, start, volumes.c.mode)
    return connection.execute(select(*groups, *figures).where(volumes.c.minute >= since).group_by(*groups)).all()


def open_states(connection: Connection, destination_id: int | None = None) -> Sequence[Any]:
    """As ``states``, of what is pending, retrying, sending or held (for one destination); reads only those."""
    query = select(_d.destination_id, _d.mode, _d.state, func.count().label("count"))
    if destination_id is not None:
        query = query.where(_d.destination_id == destination_id)
    parts = (query.where(part).group_by(_d.destination_id, _d.mode, _d.state) for part in OPEN_PARTS)
    return [row for part in parts for row in connection.execute(part)]


def oldest_due(connection: Connection) -> Sequence[Any]:
    """For each destination that is not removed: name, slug, status, breaker, and since when its oldest is due."""
    oldest = select(func.min(_d.due_at)).where(_d.destination_id == destinations.c.id, WAITING)
    of = destinations.c
    query = select(of.id, of.name, of.slug, of.status, of.breaker, oldest.scalar_subquery().label("due_at"))
    return connection.execute(query.where(of.status != "removed").order_by(of.id)).all()
