"""Sources and their keys: who may send, and what each sent lately."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, ScalarSelect, Select, and_, func, insert, or_, select, update

from ours.store.hand import Prepared
from ours.store.tables import keys, sources, volumes

_THERE = sources.c.status != "deleted"
_NAMES = Prepared(select(sources.c.id, sources.c.name).where(_THERE).order_by(sources.c.id))


class NewKey(NamedTuple):
    """A key's row before it is stored."""

    source_id: int
    mode: str
    hash: str
    sealed: bytes
    created_at: int


def caller_by_hash(connection: Connection, hash_: str, now: int) -> Any | None:
    """Who holds this key: source_id, key_id, mode, rate_limit, and whether it ``works`` now."""
    lasts = or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)
    works = and_(keys.c.revoked_at.is_(None), sources.c.status == "active", lasts).label("works")
    query = select(keys.c.source_id, keys.c.id.label("key_id"), keys.c.mode, sources.c.rate_limit, works)
    query = query.join(sources, sources.c.id == keys.c.source_id).where(keys.c.hash == hash_)
    return connection.execute(query).one_or_none()


def good_keys(connection: Connection, now: int) -> Sequence[Any]:
    """Id, mode, ``expires_at`` and the source's id and name of each key that may be used now, by source."""
    columns = (keys.c.id, keys.c.mode, keys.c.expires_at, keys.c.source_id, sources.c.name)
    query = select(*columns).join(sources, sources.c.id == keys.c.source_id).order_by(sources.c.id, keys.c.id)
    lasts = or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)
    return connection.execute(query.where(keys.c.revoked_at.is_(None), sources.c.status == "active", lasts)).all()


def ending_keys(connection: Connection, now: int, before: int) -> Sequence[Any]:
    """Keys that expire by ``before``, and were used since the source has a newer one of their mode."""
    newer = keys.alias("newer")
    others = (newer.c.source_id == keys.c.source_id, newer.c.mode == keys.c.mode, newer.c.id > keys.c.id)
    newest = select(func.max(newer.c.created_at)).where(*others, newer.c.revoked_at.is_(None)).scalar_subquery()
    query = select(keys, sources.c.name).join(sources, sources.c.id == keys.c.source_id).order_by(keys.c.id)
    good = (keys.c.revoked_at.is_(None), sources.c.status == "active", keys.c.expires_at > now)
    soon = (keys.c.expires_at <= before, keys.c.last_used_at > func.coalesce(newest, 0))
    return connection.execute(query.where(*good, *soon)).all()


def among(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those of these ids that a source has, or had before it was deleted."""
    return set(connection.scalars(select(sources.c.id).where(sources.c.id.in_(set(ids)))))


def insert_source(connection: Connection, name: str, now: int) -> int:
    query = insert(sources).values(name=name, status="active", created_at=now).returning(sources.c.id)
    return int(connection.scalars(query).one())


def insert_key(connection: Connection, key: NewKey) -> int:
    return int(connection.scalars(insert(keys).values(key._asdict()).returning(keys.c.id)).one())


def names(connection: Connection) -> Sequence[Any]:
    """Id and name of each source that is not deleted."""
    return _NAMES.all(connection)


def current(connection: Connection, now: int) -> Sequence[Any]:
    """All that are not deleted, with ``minute`` and ``used_at``: the newest traces of use by ``now``."""
    return connection.execute(_seen(now).where(_THERE).order_by(sources.c.id)).all()


def one(connection: Connection, source_id: int, now: int) -> Any | None:
    """As ``current`` has it, deleted or not."""
    return connection.execute(_seen(now).where(sources.c.id == source_id)).one_or_none()


def _seen(now: int) -> Select[Any]:
    newest = {"minute": volumes.c.minute, "used_at": keys.c.last_used_at}
    return select(sources, *(_newest(moment, now).label(name) for name, moment in newest.items()))


def _newest(moment: Any, now: int) -> ScalarSelect[Any]:
    """What lies ahead was written while a clock was."""
    of_source = select(func.max(moment)).where(moment.table.c.source_id == sources.c.id, moment <= now)
    return of_source.correlate(sources).scalar_subquery()


def volumes_between(connection: Connection, since: int, until: int) -> Sequence[Any]:
    """Sums of received, duplicate and rejected by source and mode."""
    figures = [func.sum(volumes.c[name]).label(name) for name in ("received", "duplicate", "rejected")]
    query = select(volumes.c.source_id, volumes.c.mode, *figures).where(volumes.c.minute.between(since, until))
    return connection.execute(query.group_by(volumes.c.source_id, volumes.c.mode)).all()


def keys_of(connection: Connection, source_ids: Iterable[int]) -> Sequence[Any]:
    """Newest first."""
    return connection.execute(select(keys).where(keys.c.source_id.in_(source_ids)).order_by(keys.c.id.desc())).all()


def one_key(connection: Connection, key_id: int) -> Any | None:
    return connection.execute(select(keys).where(keys.c.id == key_id)).one_or_none()


def set_status(connection: Connection, source_id: int, status: str) -> None:
    connection.execute(update(sources).where(sources.c.id == source_id).values(status=status))


def set_rate_limit(connection: Connection, source_id: int, requests: int | None) -> None:
    connection.execute(update(sources).where(sources.c.id == source_id).values(rate_limit=requests))


def end_keys(connection: Connection, source_id: int, mode: str, at: int) -> list[int]:
    """Let the keys of that mode expire at ``at``, except those that end sooner; whose ids they are."""
    query = update(keys).where(keys.c.source_id == source_id, keys.c.mode == mode, keys.c.revoked_at.is_(None))
    query = query.where(or_(keys.c.expires_at.is_(None), keys.c.expires_at > at)).values(expires_at=at)
    return sorted(connection.scalars(query.returning(keys.c.id)))


def revoke_key(connection: Connection, key_id: int, now: int) -> None:
    connection.execute(update(keys).where(keys.c.id == key_id).values(revoked_at=now))


def revoke_all_keys(connection: Connection, now: int) -> None:
    connection.execute(update(keys).where(keys.c.revoked_at.is_(None)).values(revoked_at=now))
