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

from ours.store.hand import Hand

T = TypeVar("T")
Target = Connection | Hand
"""Where statements go: through SQLAlchemy, or by the writer's own hand."""
_MOST = 250


def insert(target: Target, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], ending: str = "") -> int:
    """Insert ``rows`` (values in the order of ``columns``); answers how many were inserted or changed."""
    mark, count = _mark(target), 0
    for part in _parts(rows):
        statement = _insert(table, tuple(columns), len(part), mark, ending)
        count += _run(target, statement, tuple(chain.from_iterable(part))).rowcount
    return count


def overwrite(keys: Sequence[str], columns: Sequence[str]) -> str:
    """The ending that lets a row with the same ``keys`` take over ``columns``."""
    news = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {news}"


def find(target: Target, query: str, values: Sequence[str]) -> list[Any]:
    """Run ``query``, which ends in ``IN``, for ``values``."""
    found: list[Any] = []
    for part in _parts(values):
        found += _run(target, f"{query} {_marks(target, part)}", tuple(part)).fetchall()
    return found


def change(target: Target, query: str, to: Any, values: Sequence[Any]) -> None:
    """Run ``query``, an update that ends in ``IN``, for ``values``; ``{}`` in it stands for ``to``."""
    statement = query.replace("{}", _mark(target))
    for part in _parts(values):
        _run(target, f"{statement} {_marks(target, part)}", (to, *part))


def repeat(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run ``statement`` for each of ``rows``; ``{}`` in it stands for a value. For who shares no interpreter."""
    if rows:
        connection.exec_driver_sql(statement.replace("{}", _mark(connection)), list(rows))


def _run(target: Target, statement: str, values: tuple[Any, ...]) -> Any:
    """A cursor, or SQLAlchemy's result: they agree in what is used here."""
    return target.run(statement, values) if isinstance(target, Hand) else target.exec_driver_sql(statement, values)


def _mark(target: Target) -> str:
    if isinstance(target, Hand):
        return target.mark
    return "?" if target.dialect.name == "sqlite" else "%s"


def _marks(target: Target, values: Sequence[Any]) -> str:
    return f"({', '.join([_mark(target)] * len(values))})"


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + _MOST] for start in range(0, len(rows), _MOST))


@lru_cache(maxsize=512)
def _insert(table: str, columns: tuple[str, ...], count: int, mark: str, ending: str) -> str:
    row = f"({', '.join(mark for _ in columns)})"
    rows = ", ".join(row for _ in range(count))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows} {ending}"  # noqa: S608 - our own names only
