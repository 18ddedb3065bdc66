"""Reads dispatches and their attempts for screens."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select

from ours.store.chunks import batched
from ours.store.hand import MOST, Prepared
from ours.store.tables import attempts, destinations, dispatches

_d = dispatches.c
_MARKS = Prepared(select(_d.id, _d.event_id, _d.destination_id, _d.state, _d.reason))


def marks(connection: Connection, event_ids: Sequence[str]) -> Sequence[Any]:
    """Where the dispatches of these events stand, each event's in the order they were made."""
    return _MARKS.among(connection, "event_id", event_ids, "ORDER BY event_id, id")


def of_event(connection: Connection, event_id: str) -> Sequence[Any]:
    """The event's dispatches whole, each with its destination's ``destination``, ``slug`` and ``standing``."""
    return of_events(connection, [event_id])


def of_events(connection: Connection, event_ids: Sequence[str]) -> Sequence[Any]:
    """The same of several events, a few hundred at most, in the order they were made."""
    return connection.execute(_whole().where(_d.event_id.in_(event_ids)).order_by(_d.created_at, _d.id)).all()


def one(connection: Connection, dispatch_id: str) -> Any | None:
    return connection.execute(_whole().where(_d.id == dispatch_id)).one_or_none()


def attempts_of(
    connection: Connection, dispatch_ids: Sequence[str], numbers: Collection[int] | None = None
) -> Sequence[Any]:
    """The attempts of these dispatches, each dispatch's in their order: all, or those of these ``numbers``."""
    order = (attempts.c.dispatch_id, attempts.c.number)
    query = select(attempts).order_by(*order)
    if numbers is not None:
        query = query.where(order[1].in_(numbers))
    parts = (query.where(order[0].in_(part)) for part in batched(dispatch_ids, MOST))
    return [row for one in parts for row in connection.execute(one)]


def _whole() -> Any:
    where = dispatches.outerjoin(destinations, destinations.c.id == _d.destination_id)
    told = (destinations.c.name.label("destination"), destinations.c.slug, destinations.c.status.label("standing"))
    return select(dispatches, *told).select_from(where)
