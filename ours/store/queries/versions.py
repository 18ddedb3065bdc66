"""Keeps versions of the configuration, and finds them again."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from ours.store.tables import versions

_v = versions.c
_LISTED = (_v.id, _v.subject, _v.number, _v.at, _v.actor, _v.verb, _v.why)


def keep(connection: Connection, values: Mapping[str, Any]) -> None:
    connection.execute(insert(versions).values(dict(values)))


def newest_number(connection: Connection, subject: str) -> int:
    """0 when there is none yet."""
    return connection.scalar(select(func.max(_v.number)).where(_v.subject == subject)) or 0


def page(connection: Connection, subject: str | None, limit: int, before: str | None = None) -> Sequence[Any]:
    """The newest first, without what was set; those older than the version ``before`` when it is given."""
    query = select(*_LISTED).order_by(_v.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(_v.subject == subject)
    if before is not None:
        query = query.where(_v.id < before)
    return connection.execute(query).all()


def one(connection: Connection, subject: str, number: int) -> Any | None:
    return connection.execute(select(versions).where(_v.subject == subject, _v.number == number)).one_or_none()


def at(connection: Connection, subject: str, moment: int) -> Any | None:
    """The version that was in force at a moment (ms); None when there was none yet."""
    query = select(versions).where(_v.subject == subject, _v.at <= moment).order_by(_v.number.desc()).limit(1)
    return connection.execute(query).one_or_none()


def by_id(connection: Connection, version_id: str) -> Any | None:
    return connection.execute(select(versions).where(_v.id == version_id)).one_or_none()


def ids_of(connection: Connection, subject: str) -> list[str]:
    return list(connection.scalars(select(_v.id).where(_v.subject == subject)))


def overwrite(connection: Connection, version_id: str, document: bytes) -> None:
    connection.execute(update(versions).where(_v.id == version_id).values(document=document))
