"""Counts for screens: where dispatches stand, what routed events owe, how much came in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from ours.store.tables import destinations, dispatches, events, volumes

_d, _e = dispatches.c, events.c


def states(connection: Connection, destination_id: int | None = None) -> Sequence[Any]:
    """How many dispatches of each destination (or of that one) and mode are in each state."""
    query = select(_d.destination_id, _d.mode, _d.state, func.count().label("count"))
    if destination_id is not None:
        query = query.where(_d.destination_id == destination_id)
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


def hours(connection: Connection, since: int, hour: int) -> Sequence[Any]:
    """Received and rejected of each hour and mode since then; ``hour`` is its length in milliseconds."""
    start = (volumes.c.minute - volumes.c.minute % hour).label("hour")
    figures = [func.sum(volumes.c[name]).label(name) for name in ("received", "rejected")]
    query = select(start, volumes.c.mode, *figures).where(volumes.c.minute >= since)
    return connection.execute(query.group_by(start, volumes.c.mode)).all()
