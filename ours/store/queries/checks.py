"""The latest result of each check, one row a check."""

from sqlalchemy import Connection, select, text

from ours.store.tables import checks

_PUT = text(
    "INSERT INTO checks (name, at, result) VALUES (:name, :at, :result)"
    " ON CONFLICT (name) DO UPDATE SET at = excluded.at, result = excluded.result"
)


def put(connection: Connection, name: str, at: int, result: str) -> None:
    connection.execute(_PUT, {"name": name, "at": at, "result": result})


def all_of(connection: Connection) -> dict[str, tuple[int, str]]:
    """Name → when, and what was found (JSON)."""
    return {row.name: (row.at, row.result) for row in connection.execute(select(checks))}
