"""Writes many rows with few statements.

SQLite's driver lets go of the interpreter at every step, and a statement run row by row is a step a row: under load the
writing thread then waits its turn again after each. A statement of many rows is one step. Measured in
``docs/performance.md``.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
_MOST = 250


def insert(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], ending: str = ""
) -> list[Any]:
    """Insert ``rows`` (values in the order of ``columns``); answers what ``ending`` returns, if it does."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    returned: list[Any] = []
    for part in _parts(rows):
        statement = _insert(table, tuple(columns), len(part), mark, ending)
        result = connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
        if result.returns_rows:
            returned += result.all()
    return returned


def overwrite(keys: Sequence[str], columns: Sequence[str]) -> str:
    """The ending that lets a row with the same ``keys`` take over ``columns``."""
    news = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {news}"


def find(connection: Connection, query: str, values: Sequence[str]) -> list[Any]:
    """Run ``query``, which ends in ``IN``, for ``values``."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    found: list[Any] = []
    for part in _parts(values):
        found += connection.exec_driver_sql(f"{query} ({', '.join(mark for _ in part)})", tuple(part)).all()
    return found


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + _MOST] for start in range(0, len(rows), _MOST))


@lru_cache(maxsize=512)
def _insert(table: str, columns: tuple[str, ...], count: int, mark: str, ending: str) -> str:
    row = f"({', '.join(mark for _ in columns)})"
    rows = ", ".join(row for _ in range(count))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows} {ending}"  # noqa: S608 - our own names only
