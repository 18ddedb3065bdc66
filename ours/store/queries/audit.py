"""Writes down who changed what, and reads it back, newest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, cast, func, insert, literal, select, union_all

from ours import ids
from ours.core import subjects
from ours.store.tables import audit, dispatches, events, visitors
from ours.store.tables.types import Id


def insert_entry(connection: Connection, entry: dict[str, Any]) -> None:
    connection.execute(insert(audit).values(entry))


def one(connection: Connection, entry_id: str) -> Any | None:
    return connection.execute(select(audit).where(audit.c.id == entry_id)).one_or_none()


def page(connection: Connection, limit: int, before: str | None, wanted: Mapping[str, Any]) -> Sequence[Any]:
    """At most ``limit`` entries, those older than the entry ``before`` when it is given. Ids tell when."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if verb := wanted["verb"]:  # entries can't be changed, and blanks stood in old ones
        query = query.where(audit.c.verb.in_([verb.replace(" ", "_"), verb.replace("_", " ")]))
    if wanted["subject"]:
        query = query.where(_about(wanted["subject"]))
    if wanted["actor"]:
        query = query.where(audit.c.actor.startswith(wanted["actor"], autoescape=True))
    if wanted["since"] is not None:
        query = query.where(audit.c.id >= ids.floor(max(wanted["since"], 0)))
    if wanted["until"] is not None:
        query = query.where(audit.c.id < ids.floor(max(wanted["until"], 0)))
    if before is not None:
        query = query.where(audit.c.id < before)
    return connection.execute(query).all()


def _about(subject: str) -> ColumnElement[bool]:
    """Of a visitor, what is about their events or about one who was merged into them, too: it is about them. So it is
    with the dispatches of an event, which show what it carried.
    """
    kind, key = subjects.read(subject)
    if kind not in {"visitor", "event"} or not ids.is_id(key):
        return audit.c.subject == subject
    here, merged = select(literal(key, Id())), select(visitors.c.id).where(visitors.c.alias_of == key)
    family = union_all(here, merged)
    theirs = select(events.c.id).where(events.c.visitor_id.in_(family)) if kind == "visitor" else here
    sent = select(dispatches.c.id).where(dispatches.c.event_id.in_(theirs))
    also = ((subjects.visitor, merged), (subjects.event, theirs), (subjects.dispatch, sent))
    # One list, of lists: PostgreSQL makes its way from a list to what it names, but with OR it would walk through all
    # events, for each entry anew.
    named = (select(called("") + _plain(each.subquery().c[0])) for called, each in also)
    return audit.c.subject.in_(union_all(select(literal(subject)), *named))


def _plain(key: ColumnElement[str]) -> ColumnElement[str]:
    """An id as subjects have it, without the strokes that PostgreSQL writes into it."""
    return func.replace(cast(key, String), "-", "")
