"""The writer's own way into the database: a transaction with nothing between it and the driver.

A transaction of five statements costs SQLAlchemy more time than SQLite, and all of it under the interpreter's lock, for
which every request waits. Measured in ``docs/performance.md``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import PoolProxiedConnection

from ours.errors import Busy
from ours.store.engine import Store, cause


@dataclass(frozen=True, slots=True)
class Hand:
    """Statements inside one transaction. ``mark`` stands for a value in them."""

    cursor: Any
    mark: str

    def run(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The cursor, which has what came of it."""
        return self.cursor.execute(statement, values)


@contextmanager
def by_hand(store: Store) -> Iterator[Hand]:
    """As ``Store.write``: commits at the end, and on SQLite the writers of all processes take turns.

    :raises Busy: when the database can't be reached or can't be written.
    """
    try:
        with store.turn(), _connection(store) as connection:
            hand = Hand(connection.cursor(), "?" if store.is_sqlite else "%s")
            if store.is_sqlite:
                hand.run("BEGIN IMMEDIATE")
            yield hand
            connection.commit()
    except store.failures as error:
        raise Busy(f"The database can't be written just now ({cause(error)}).") from error


@contextmanager
def _connection(store: Store) -> Iterator[PoolProxiedConnection]:
    """From the pool, which undoes what was not committed; one that failed us does not go back."""
    connection = store.engine.raw_connection()
    try:
        yield connection
    except store.failures:
        connection.invalidate()
        raise
    finally:
        connection.close()
