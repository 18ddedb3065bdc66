"""The latest result of each check, one row a check."""

from typing import Any

from sqlalchemy import Connection, select, text

from ours.store.tables import checks

_PUT = text(
    "INSERT INTO checks (name, at, result) VALUES (:name, :at, :result)"
    " ON CONFLICT (name) DO UPDATE SET at = excluded.at, result = excluded.result"
)


def put(connection: Connection, name: str, at: int, result: str) -> None:
    connection.execute(_PUT, {"name": name, "at": at, "result": result})


def latest(connection: Connection, name: str) -> Any | None:
    """``at``: when, and ``result``: what was found (JSON)."""
    return connection.execute(select(checks.c.at, checks.c.result).where(checks.c.name == name)).one_or_none()
