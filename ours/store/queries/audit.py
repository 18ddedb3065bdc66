"""Writes down who changed what, and reads it back, newest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from ours import ids
from ours.store.tables import audit


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
        query = query.where(audit.c.subject == wanted["subject"])
    if wanted["actor"]:
        query = query.where(audit.c.actor.startswith(wanted["actor"], autoescape=True))
    if wanted["since"] is not None:
        query = query.where(audit.c.id >= ids.floor(max(wanted["since"], 0)))
    if wanted["until"] is not None:
        query = query.where(audit.c.id < ids.floor(max(wanted["until"], 0)))
    if before is not None:
        query = query.where(audit.c.id < before)
    return connection.execute(query).all()
