"""The latest events, whole, and which names they have."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from ours.store.tables import events
from ours.store.tables.events import SHOWN

_e = events.c


def latest(connection: Connection, count: int) -> Sequence[Any]:
    query = select(events).where(SHOWN).order_by(_e.occurred_at.desc(), _e.id.desc()).limit(count)
    return connection.execute(query).all()


def names(connection: Connection, among: int) -> Sequence[Any]:
    """The names of the latest events: ``name_key``, one way of writing it, ``count``, and when it was ``last`` seen."""
    part = _newest(among)
    counted = select(part.c.name_key, func.min(part.c.name).label("name"), func.count().label("count"),
                     func.max(part.c.occurred_at).label("last"))  # fmt: skip
    ordered = counted.group_by(part.c.name_key).order_by(func.count().desc(), func.min(part.c.name))
    return connection.execute(ordered).all()


def spellings(connection: Connection, among: int) -> Sequence[str]:
    """The names of the latest events, each as often as it is written in another way."""
    return connection.scalars(select(_newest(among).c.name).distinct()).all()


def _newest(among: int) -> Any:
    newest = select(_e.name_key, _e.name, _e.occurred_at).where(SHOWN).order_by(_e.occurred_at.desc(), _e.id.desc())
    return newest.limit(among).subquery()
