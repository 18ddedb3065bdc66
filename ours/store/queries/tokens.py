"""Tokens by which programs use the admin API."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from ours.store.tables import tokens

_t = tokens.c
_GOOD = (_t.revoked_at.is_(None), _t.expires_at > bindparam("now"))


def insert_token(connection: Connection, values: dict[str, Any]) -> int:
    return int(connection.scalars(insert(tokens).values(values).returning(_t.id)).one())


def all_tokens(connection: Connection) -> Sequence[Any]:
    """The newest first."""
    return connection.execute(select(tokens).order_by(_t.id.desc())).all()


def one(connection: Connection, token_id: int) -> Any | None:
    return connection.execute(select(tokens).where(_t.id == token_id)).one_or_none()


def by_hash(connection: Connection, hashed: str, now: int) -> Any | None:
    """The token that hashes to this, if it is good now."""
    return connection.execute(select(tokens).where(_t.hash == hashed, *_GOOD), {"now": now}).one_or_none()


def good(connection: Connection, now: int) -> Sequence[Any]:
    """The oldest first."""
    return connection.execute(select(tokens).where(*_GOOD).order_by(_t.id), {"now": now}).all()


def ending(connection: Connection, now: int, before: int) -> Sequence[Any]:
    """Those that are good now and expire by ``before``."""
    return [row for row in good(connection, now) if row.expires_at <= before]


def change(connection: Connection, token_id: int, **values: Any) -> None:
    connection.execute(update(tokens).where(_t.id == token_id).values(values))


def revoke_all(connection: Connection, now: int) -> None:
    connection.execute(update(tokens).where(_t.revoked_at.is_(None)).values(revoked_at=now))
