"""Finds what waits because it can't be opened, ends it, and puts it back before that end."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, delete, func, select, update

from ours.store.tables import destinations, dispatches, events
from ours.store.tables.dispatches import HELD
from ours.store.tables.events import UNROUTED

_d, _e, _of = dispatches.c, events.c, destinations.c
_MINE = _d.destination_id == _of.id
_BEFORE: dict[str, None] = dict.fromkeys(("routed_at", "visitor_id", "owed", "refused", "notes"))


def held(connection: Connection, reason: str) -> Sequence[Any]:
    """The dispatches held for a reason, counted by ``destination_id`` and ``mode``, and when the ``oldest`` and
    ``newest`` were made."""
    query = select(_of.id.label("destination_id"), _d.mode, *_figures(_d.created_at))
    query = query.select_from(destinations).join(dispatches, _MINE).where(HELD, _d.reason == reason)
    return connection.execute(query.group_by(_of.id, _d.mode).order_by(_of.id, _d.mode)).all()


def aside(connection: Connection, reason: str) -> Sequence[Any]:
    """The events set aside for a reason, counted by what routing asks of them without opening them, and when the
    ``oldest`` and ``newest`` were received."""
    kinds = _e.name, _e.kind, _e.mode, _e.source_id
    query = select(*kinds, *_figures(_e.received_at)).where(UNROUTED, _e.notes == reason)
    return connection.execute(query.group_by(*kinds)).all()


def next_aside(connection: Connection, reason: str, limit: int) -> Sequence[Any]:
    """The first events set aside for a reason, held still."""
    query = select(_e.id, _e.name, _e.kind, _e.mode, _e.source_id).where(UNROUTED, _e.notes == reason)
    return connection.execute(query.order_by(_e.notes, _e.id).limit(limit).with_for_update()).all()


def noted(connection: Connection, note: str, after: str | None, limit: int) -> list[str]:
    """The ids of the next routed events of which that is noted. No index knows them: it reads the table on."""
    query = select(_e.id).where(_e.notes == note, _e.routed_at.is_not(None)).order_by(_e.id).limit(limit)
    return list(connection.scalars(query if after is None else query.where(_e.id > after)))


def unroute(connection: Connection, event_ids: Sequence[str], note: str) -> int:
    """Put these events, while that is noted of them, back before they were routed; how many."""
    mine = select(_e.id).where(_e.id.in_(event_ids), _e.notes == note, _e.routed_at.is_not(None)).order_by(_e.id)
    ids = connection.scalars(mine.with_for_update()).all()
    connection.execute(delete(dispatches).where(_d.event_id.in_(ids)))
    return connection.execute(update(events).where(_e.id.in_(ids)).values(_BEFORE)).rowcount


def _figures(moment: Column[Any]) -> tuple[ColumnElement[Any], ...]:
    return func.count().label("count"), func.min(moment).label("oldest"), func.max(moment).label("newest")
