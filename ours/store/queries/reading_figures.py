"""Counts for screens: where dispatches stand, what routed events owe, how much came in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from ours.store.tables import destinations, dispatches, events, volumes
from ours.store.tables.dispatches import OPEN_PARTS, WAITING

_d, _e = dispatches.c, events.c


def states(connection: Connection) -> Sequence[Any]:
    """How many dispatches of each destination and mode are in each state."""
    query = select(_d.destination_id, _d.mode, _d.state, func.count().label("count"))
    return connection.execute(query.group_by(_d.destination_id, _d.mode, _d.state)).all()


def decisions(connection: Connection) -> Sequence[Any]:
    """Events counted by kind, by whether they are routed and by who refused them, with the decisions they owe."""
    groups = (_e.kind, _e.routed_at.is_not(None).label("is_routed"), _e.refused)
    query = select(*groups, func.count().label("count"), func.sum(_e.owed).label("owed"))
    return connection.execute(query.group_by(*groups)).all()


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
