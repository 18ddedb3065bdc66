"""Writes down who changed what, and reads it back, newest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, String, cast, func, insert, literal, select, union_all

from ours import ids
from ours.core import subjects
from ours.store.tables import audit, events, visitors
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
    """Of a visitor, what is about their events or about one who was merged into them, too: it is about them."""
    kind, key = subjects.read(subject)
    if kind != "visitor" or not ids.is_id(key):
        return audit.c.subject == subject
    merged = visitors.c.alias_of == key
    family = union_all(select(literal(key, Id())), select(visitors.c.id).where(merged))
    # Each a list of its own: PostgreSQL makes its way from a list to what it names, but with OR it would walk through
    # all events, for each entry anew.
    return audit.c.subject.in_(
        union_all(
            select(literal(subject)),
            select(subjects.visitor("") + _plain(visitors.c.id)).where(merged),
            select(subjects.event("") + _plain(events.c.id)).where(events.c.visitor_id.in_(family)),
        )
    )


def _plain(key: "Column[str]") -> ColumnElement[str]:
    """An id as subjects have it, without the strokes that PostgreSQL writes into it."""
    return func.replace(cast(key, String), "-", "")
