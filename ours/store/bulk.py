"""Writes many rows with few statements.

SQLite's driver lets go of the interpreter at every step, and a statement run row by row is a step a row: under load the
writing thread then waits its turn again after each. A statement of many rows is one step. Measured in
``docs/profiles.md``.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from ours.store import hand
from ours.store.chunks import batched


def insert(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], ending: str = ""
) -> int:
    """Insert ``rows`` (values in the order of ``columns``); answers how many were inserted or changed."""
    mark, count = hand.mark(connection), 0
    for part in batched(rows, hand.MOST):
        statement = _insert(table, tuple(columns), len(part), mark, ending)
        count += hand.run(connection, statement, tuple(chain.from_iterable(part))).rowcount
    return count


def overwrite(keys: Sequence[str], columns: Sequence[str]) -> str:
    """The ending that lets a row with the same ``keys`` take over ``columns``."""
    news = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {news}"


def change(connection: Connection, query: str, to: Sequence[Any], values: Sequence[Any]) -> int:
    """Run ``query``, an update that ends in ``IN``, for ``values``; each ``{}`` in it stands for one of ``to``.

    Answers how many rows were changed.
    """
    statement, count = query.replace("{}", hand.mark(connection)), 0
    for part in batched(values, hand.MOST):
        count += hand.run(connection, f"{statement} {hand.marks(connection, part)}", (*to, *part)).rowcount
    return count


def repeat(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run ``statement`` for each of ``rows``; ``{}`` in it stands for a value. For who shares no interpreter.

    Answers how many rows were changed.
    """
    return hand.run_each(connection, statement.replace("{}", hand.mark(connection)), rows) if rows else 0


@lru_cache(maxsize=512)
def _insert(table: str, columns: tuple[str, ...], count: int, mark: str, ending: str) -> str:
    row = f"({', '.join(mark for _ in columns)})"
    rows = ", ".join(row for _ in range(count))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows} {ending}"  # noqa: S608 - our own names only
