"""The writer's own way into the database: one connection, kept, and nothing between it and the driver.

A transaction of five statements costs SQLAlchemy more time than SQLite, and all of it under the interpreter's lock, for
which every request waits. Measured in ``docs/performance.md``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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


class Lane:
    """Belongs to one thread, which closes it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._beginning = "BEGIN IMMEDIATE" if store.is_sqlite else "BEGIN"
        self._connection: Any = None
        self._hand: Hand | None = None

    @contextmanager
    def transaction(self) -> Iterator[Hand]:
        """Commits at the end. On SQLite, writers of all processes take turns.

        :raises Busy: when the database can't be reached or can't be written.
        """
        try:
            with self._store.turn():
                hand = self._begin()
                try:
                    yield hand
                    hand.run("COMMIT")
                except BaseException:
                    self._undo(hand)
                    raise
        except self._store.failures as error:
            raise Busy(f"The database can't be written just now ({cause(error)}).") from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._hand = None

    def _begin(self) -> Hand:
        """A server's connection that was lost while it lay idle is replaced: nothing was done on it yet."""
        hand = self._hand or self._open()
        try:
            hand.run(self._beginning)
        except self._store.failures:
            if self._store.is_sqlite:
                raise
            self.close()
            hand = self._open()
            hand.run(self._beginning)
        return hand

    def _undo(self, hand: Hand) -> None:
        try:
            hand.run("ROLLBACK")
        except self._store.failures:
            self.close()

    def _open(self) -> Hand:
        """A connection made as all others are, but out of the pool's hands; we say BEGIN and COMMIT ourselves."""
        pooled = self._store.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        if not self._store.is_sqlite:
            connection.autocommit = True
        self._connection, self._hand = pooled, Hand(connection.cursor(), "?" if self._store.is_sqlite else "%s")
        return self._hand
