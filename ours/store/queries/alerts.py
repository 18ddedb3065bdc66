"""Alerts, from the moment something is not well until its end has been told; and what else the watch asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from ours.store.tables import alerts, destinations, dispatches
from ours.store.tables.dispatches import HELD
from ours.store.tables.watch import DUE, OPEN

_a, _d = alerts.c, dispatches.c


def open_ones(connection: Connection) -> Sequence[Any]:
    """Those that last, the oldest first."""
    return connection.execute(select(alerts).where(OPEN).order_by(_a.id)).all()


def closed_since(connection: Connection, moment: int) -> list[tuple[str, str]]:
    """Kind and subject of each that was closed since then."""
    closed = select(_a.kind, _a.subject).where(_a.closed_at > moment)
    return [(row.kind, row.subject) for row in connection.execute(closed)]


def due(connection: Connection, now: int, farthest: int) -> Sequence[Any]:
    """Those that are to be told now; what is well again is not before it is over. One due after ``farthest`` was put
    off by a clock that has been set back since."""
    which = or_(_a.due_at <= now, _a.due_at > farthest)
    stands = or_(_a.well_at.is_(None), _a.closed_at.is_not(None))
    return connection.execute(select(alerts).where(DUE, which, stands).order_by(_a.id)).all()


def last_told(connection: Connection) -> int | None:
    """When any was told; None: never."""
    moment: int | None = connection.scalar(select(func.max(_a.told_at)))
    return moment


def latest(connection: Connection, limit: int) -> Sequence[Any]:
    """The newest, closed ones too."""
    return connection.execute(select(alerts).order_by(_a.id.desc()).limit(limit)).all()


def insert_alerts(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(alerts), [dict(row) for row in rows])


def change(connection: Connection, alert_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(update(alerts).where(_a.id == alert_id).values(dict(values)))


def delete_closed(connection: Connection, before: int) -> None:
    connection.execute(delete(alerts).where(_a.closed_at < before))


def held_for(connection: Connection, reason: str) -> Sequence[Any]:
    """Id, name and ``count`` of the destinations that are not removed and hold dispatches for that reason."""
    of = destinations.c
    held = select(func.count()).where(_d.destination_id == of.id, HELD, _d.reason == reason).scalar_subquery()
    query = select(of.id, of.name, held.label("count")).where(of.status != "removed").order_by(of.id)
    rows: Sequence[Any] = connection.execute(query).all()
    return [row for row in rows if row.count]


def held_since(connection: Connection, moment: int) -> Sequence[Any]:
    """Id, name and ``count`` of the destinations that have held dispatches since before that moment."""
    held = select(_d.destination_id, func.count().label("count")).where(HELD, _d.updated_at < moment)
    counted = held.group_by(_d.destination_id).subquery()
    query = select(destinations.c.id, destinations.c.name, counted.c["count"])
    joined = query.join(counted, counted.c.destination_id == destinations.c.id)
    return connection.execute(joined.order_by(destinations.c.id)).all()
