"""Compares what each routed event owes with the first dispatches that it has. Reads a range of ids at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, cast, func, select
from sqlalchemy.sql.selectable import Subquery

from ours.store.tables import destinations, dispatches, events

_d, _e = dispatches.c, events.c


class Kept(NamedTuple):
    """What is written down of an event's decisions. ``places``: its dispatches' destinations, ``1,7``."""

    owed: int
    refused: str | None
    places: str | None


class Range(NamedTuple):
    """Events by their ids: after the first, up to the second and with it; None: from the very first."""

    after: str | None
    upto: str


def newest(connection: Connection) -> str | None:
    """The id of the event that was accepted last."""
    return connection.scalar(select(_e.id).order_by(_e.id.desc()).limit(1))


def range_upto(connection: Connection, upto: str, size: int) -> Range:
    """The newest ``size`` events up to that one."""
    older = select(_e.id).where(_e.id <= upto).order_by(_e.id.desc())
    return Range(connection.scalar(older.offset(size).limit(1)), upto)


def size(connection: Connection, some: Range) -> int:
    """How many events the range holds."""
    query = select(func.count()).select_from(events).where(_e.id <= some.upto)
    return connection.scalar(query if some.after is None else query.where(_e.id > some.after)) or 0


def kinds(connection: Connection, some: Range) -> list[Kept]:
    """Every different state of affairs among the routed events of the range."""
    each = _each(some)
    return [Kept(*row) for row in connection.execute(select(each.c.owed, each.c.refused, each.c.places).distinct())]


def one_by_one(connection: Connection, some: Range) -> Sequence[Any]:
    """Each routed event of the range, by id, with its ``kind``, ``routed_at``, ``owed``, ``refused`` and ``places``."""
    each = _each(some)
    return connection.execute(select(each).order_by(each.c.id)).all()


def existed(connection: Connection) -> Sequence[Any]:
    """All destinations that ever were: id, created, and when it was last changed, which for a removed one is when."""
    columns = (destinations.c.id, destinations.c.status, destinations.c.created_at, destinations.c.updated_at)
    return connection.execute(select(*columns).order_by(destinations.c.id)).all()


def _each(some: Range) -> Subquery:
    """One statement, so both sides are of one moment: routing writes them in one transaction."""
    places = func.aggregate_strings(cast(_d.destination_id, String), ",").label("places")
    first = (_d.event_id == _e.id) & _d.replay_of.is_(None)
    query = select(_e.id, _e.kind, _e.routed_at, _e.owed, _e.refused, places)
    query = query.outerjoin(dispatches, first).where(_e.routed_at.is_not(None), _e.id <= some.upto)
    if some.after is not None:
        query = query.where(_e.id > some.after)
    return query.group_by(_e.id).subquery()
